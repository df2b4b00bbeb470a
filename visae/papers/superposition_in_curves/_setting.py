"""How much the bridge measures, and how its toys are trained."""

from dataclasses import dataclass

from visae._support.errors import VisaeError
from visae.papers import persian_rug
from visae.papers.bag_of_words import Fitting


@dataclass(frozen=True)
class Setting:
    """How much is measured, and how the toys are trained; what is spent on the layer itself is a `Budget`.

    rows:      of the layer on which features are measured, at most; they are of images held out of training.
    bags:      how the bags of words are trained.
    features:  of the Persian rug.
    rug:       how it is trained.
    """

    name: str
    rows: int
    bags: Fitting
    features: int
    rug: persian_rug.Training

    def __post_init__(self) -> None:
        if self.rows < 1 or self.features < 3:
            raise VisaeError(
                f"rows is {self.rows} and features {self.features}; at least 1 row is measured, and 3 features"
            )


# On the planted network a minute or two on two cores, the layer's rows and dictionary among it.
QUICK = Setting("quick", 30_000, Fitting(epochs=100), 64, persian_rug.Training(steps=1000))

# The bags of words as long as the paper's.
FULL = Setting("full", 100_000, Fitting(), 256, persian_rug.Training())
