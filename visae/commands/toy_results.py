"""visae reproduce: the results that are of toy models."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from visae._support.devices import open_device
from visae.commands.options import File, Text
from visae.papers.bag_of_words._reproduce import bag_of_words
from visae.papers.bag_of_words._setting import FULL as FULL_BAG
from visae.papers.bag_of_words._setting import QUICK as QUICK_BAG
from visae.papers.persian_rug._reproduce import persian_rug
from visae.papers.persian_rug._setting import FULL as FULL_RUG
from visae.papers.persian_rug._setting import QUICK as QUICK_RUG

_RUGS = {"quick": QUICK_RUG, "full": FULL_RUG}
_BAGS = {"quick": QUICK_BAG, "full": FULL_BAG}


@dataclass(kw_only=True)
class ToyResult:
    """What results of toy models have in common."""

    out: Path
    """Folder for the page, its figures and numbers."""
    setting: Literal["quick", "full"] = "quick"
    """quick takes a minute or two on two cores; full has the papers' sizes, for a GPU, or a night and more."""
    device: Text = None
    """cpu, cuda, ... Without it: CUDA where there is one."""
    seed: int = 0
    """Decides data, first weights and shuffles."""

    def _show(self, page: str) -> None:
        print((self.out / page).read_text())
        print(f"page: {self.out / page}")


@dataclass(kw_only=True)
class PersianRug(ToyResult):
    """Cowsik et al. 2024: sparse, independent features. What loss and what symmetries come from sparsity alone?

    Trained models beside one woven from a Hadamard matrix, the closed form for large ones, and the best linear map.

    Example: visae reproduce persian-rug --out runs/rug
    """

    def run(self) -> None:
        """Run it, print the page, and say where the files are."""
        persian_rug(self.out, _RUGS[self.setting], self.seed, open_device(self.device))
        self._show("persian-rug.md")


@dataclass(kw_only=True)
class BagOfWords(ToyResult):
    """Prieto et al. 2026: correlated features. When does interference help, and what arranges features on a ring?

    Synthetic bags whose statistics are known exactly, and the words of a text; without --text one is made in which
    months, weekdays and topics come together in a known way.

    Example: visae reproduce bag-of-words --text book.txt --out runs/words
    """

    text: File = None
    """A text file (UTF-8)."""

    def run(self) -> None:
        """Run it, print the page, and say where the files are."""
        bag_of_words(self.out, _BAGS[self.setting], self.text, self.seed, open_device(self.device))
        self._show("bag-of-words.md")
