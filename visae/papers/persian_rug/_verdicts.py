"""What the paper of the Persian rug says, what was found here, and by which rule the two agree."""

from collections.abc import Mapping
from typing import Any

from visae.papers.persian_rug._verdict import Verdict
from visae.papers.persian_rug._verdicts_trained import of_trained
from visae.papers.persian_rug._verdicts_woven import of_woven


def verdicts(report: Mapping[str, Any]) -> list[Verdict]:
    """A row a claim: first of what is woven or worked out, then of what is trained."""
    return [*of_woven(report), *of_trained(report)]
