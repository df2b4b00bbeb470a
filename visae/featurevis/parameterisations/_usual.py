"""Which parameterisation is taken where none is asked for."""

from visae.featurevis.parameterisations._bounded import Bounded
from visae.featurevis.parameterisations._fourier import Fourier
from visae.featurevis.parameterisations._parameterisation import Parameterisation

SMALL = 32  # px, below which what is seen is nearly linear in the pixels


def usual(sees: int) -> Parameterisation:
    """Fourier; of bounded contrast for a unit that sees so little (`sees` px) that it would saturate every pixel."""
    return Bounded(Fourier()) if sees < SMALL else Fourier()
