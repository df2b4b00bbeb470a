"""The amount of training in the reproduction of the bag of words."""

from dataclasses import dataclass

from visae._support.errors import VisaeError
from visae.papers.bag_of_words._model import BagTraining
from visae.papers.report import SettingsName

MAIN_SHARE = 0.1  # the paper's 1,000 latents for 10,000 words, at which its plots of text are drawn
DECAYS = (1.0, 6.0)  # the paper's, for synthetic bags
# The paper's, for text: the first where it decomposes reconstructions, the second for the circle of months.
TEXT_DECAYS = (1.0, 4.0)
# The paper's latent sizes for text, as shares of the vocabulary.
_PAPER_SHARES = (0.005, 0.0075, 0.01, 0.0125, 0.015, 0.02, 0.025, 0.03, 0.04, 0.06, 0.08, 0.1, 0.2, 0.4, 0.6, 1.0)
TEXT, SHUFFLED = "text", "shuffled words"


@dataclass(frozen=True)
class BagSettings:
    """Settings: the amount of training.

    latents:     sizes of the synthetic models, over 12 features.
    seeds:       number of seeds of the models whose ring order is judged: circular and independent features, with
                 weight decay.
    few:         number of seeds of the other synthetic models, and of the models of text.
    draws:       bags per training set of synthetic models.
    shares:      sizes of the models of text, as shares of the vocabulary; they must include `MAIN_SHARE`.
    vocabulary:  maximum number of words.
    words:       length of the synthetic text, if none is given; a given text is read up to this length.
    """

    name: str
    latents: tuple[int, ...]
    seeds: int
    few: int
    draws: int
    synthetic: BagTraining
    shares: tuple[float, ...]
    vocabulary: int
    words: int
    text: BagTraining

    def __post_init__(self) -> None:
        if min(self.seeds, self.few) < 2:
            raise VisaeError(f"seeds is {self.seeds} and few {self.few}; a spread needs 2 or more")
        if MAIN_SHARE not in self.shares or not all(0 < share <= 1 for share in self.shares):
            raise VisaeError(
                f"the shares are {self.shares}; they are above 0, at most 1, and must include {MAIN_SHARE}"
            )


# Quick takes a minute on one CPU. Full is the paper's: latents 2 to 12 and 200 epochs; for text, sixteen sizes, 10
# epochs of batches of 512, and 3 seeds. It takes about 40 minutes on one CPU for the synthetic text, which has 85
# words. A text that fills the vocabulary needs a GPU, for 3e17 operations (an epoch takes four days on one CPU), and
# 8 GB of memory.
SETTINGS: dict[SettingsName, BagSettings] = {
    "quick": BagSettings(
        name="quick",
        latents=(2, 4, 6),
        seeds=10,
        few=3,
        draws=8000,
        synthetic=BagTraining(epochs=100),
        shares=(MAIN_SHARE, 0.2, 0.4),
        vocabulary=300,
        words=20_000,
        text=BagTraining(epochs=8, batch=256, lr=5e-3),
    ),
    "full": BagSettings(
        name="full",
        latents=tuple(range(2, 13)),
        seeds=10,
        few=3,
        draws=8000,
        synthetic=BagTraining(),
        shares=_PAPER_SHARES,
        vocabulary=10_000,
        words=1_000_000,
        text=BagTraining(epochs=10, batch=512, lr=5e-4),
    ),
}
