"""How much the reproduction of the bag of words trains."""

from dataclasses import dataclass

from visae._support.errors import VisaeError
from visae.papers.bag_of_words._fitting import Fitting

MAIN = 0.1  # the paper's latent size of 1,000 for 10,000 words, as a share; its figures of text are drawn there


@dataclass(frozen=True)
class Setting:
    """How much is trained.

    latents:     sizes of the synthetic models, over 12 features.
    seeds:       of the models of which ring order is asked: of circular and of independent features, with weight decay.
    few:         seeds of the other synthetic models, and of the models of text.
    draws:       bags that each synthetic model is trained on.
    shares:      sizes of the models of text, as shares of the vocabulary; `MAIN` must be among them.
    vocabulary:  words at most.
    words:       length of the made text, where none is given; of one that is given, as many are read.
    """

    name: str
    latents: tuple[int, ...]
    seeds: int
    few: int
    draws: int
    synthetic: Fitting
    shares: tuple[float, ...]
    vocabulary: int
    words: int
    text: Fitting

    def __post_init__(self) -> None:
        if min(self.seeds, self.few) < 2:
            raise VisaeError(f"seeds is {self.seeds} and few {self.few}; a spread needs 2 or more")
        if MAIN not in self.shares or not all(0 < share <= 1 for share in self.shares):
            raise VisaeError(f"the shares are {self.shares}; they are above 0, at most 1, and {MAIN} is among them")


# A minute of a processor.
QUICK = Setting(
    name="quick",
    latents=(2, 4, 6),
    seeds=10,
    few=3,
    draws=8000,
    synthetic=Fitting(epochs=100),
    shares=(MAIN, 0.2, 0.4),
    vocabulary=300,
    words=20_000,
    text=Fitting(epochs=8, batch=256, lr=5e-3),
)

# The paper's: latents 2 to 12 and 200 epochs; for text sixteen sizes, 10 epochs of batches of 512, and 3 seeds. About
# 40 minutes of a processor on the made text, which has 85 words. A text that fills the vocabulary takes a GPU: 3e17
# operations, of which a processor does an epoch in four days, and 8 GB of memory.
FULL = Setting(
    name="full",
    latents=tuple(range(2, 13)),
    seeds=10,
    few=3,
    draws=8000,
    synthetic=Fitting(),
    shares=(0.005, 0.0075, 0.01, 0.0125, 0.015, 0.02, 0.025, 0.03, 0.04, 0.06, 0.08, MAIN, 0.2, 0.4, 0.6, 1.0),
    vocabulary=10_000,
    words=1_000_000,
    text=Fitting(epochs=10, batch=512, lr=5e-4),
)
