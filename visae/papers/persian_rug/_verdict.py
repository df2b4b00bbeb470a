"""One claim of the paper of the Persian rug, judged: by which rule what was found agrees with it."""

from typing import Any

Verdict = dict[str, Any]


def verdict(claim: str, paper: str, ours: str, rule: str, holds: bool) -> Verdict:
    """A row of the table: the claim, the paper's number, ours, the rule, and whether it holds."""
    return {"claim": claim, "paper": paper, "ours": ours, "rule": rule, "holds": holds}
