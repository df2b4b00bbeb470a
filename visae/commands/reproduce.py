"""visae reproduce"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from visae.commands.layer_results import MissingCurves, Polysemantic, SuperpositionInCurves
from visae.commands.toy_results import BagOfWords, PersianRug

Result = (
    Annotated[MissingCurves, tyro.conf.subcommand("missing-curves")]
    | Annotated[Polysemantic, tyro.conf.subcommand("polysemantic")]
    | Annotated[PersianRug, tyro.conf.subcommand("persian-rug")]
    | Annotated[BagOfWords, tyro.conf.subcommand("bag-of-words")]
    | Annotated[SuperpositionInCurves, tyro.conf.subcommand("superposition-in-curves")]
)


@dataclass
class Reproduce:
    """Run a published result, and write a page with our numbers beside the paper's.

    Each has options of its own, and runs without any but --out, in a few minutes: visae reproduce persian-rug --help.

    Example: visae reproduce missing-curves --network inceptionv1-caffe --images photos/ --out runs/missing
    """

    result: Annotated[Result, tyro.conf.arg(name="")]
    """The result."""

    @property
    def out(self) -> Path:
        """Where it is written."""
        return self.result.out

    def run(self) -> None:
        """Run it."""
        self.result.run()
