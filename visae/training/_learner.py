"""A learner: an SAE that learns without gradients, in the place of a group of those that do."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from visae.sae import SAE
from visae.training._config import Schedule
from visae.training._group import Group, Terms, without_prefix


class Learner(Group):
    """One member, which takes each batch by `SAE.learn`; its tensors are all that a checkpoint needs."""

    def step(self, x: Float[Tensor, "n d"], schedule: Schedule) -> Terms:
        """Learn from a batch, and count which features fired; return the terms of before."""
        terms, fired = self.member.learn(self.member.standardise(x), schedule.progress)
        self.member.count_rows_since_fired(fired, len(x))
        return {name: term[None] for name, term in terms.items()}

    def refresh(self, after: int, by: float) -> None:
        """Do nothing: what is unused is replaced by `learn`."""

    def silent(self, after: int) -> list[int]:
        """Return how many features have not fired for more than `after` rows."""
        return [int((self.member.rows_since_fired > after).sum())]

    @torch.no_grad()
    def held_out_terms(self, x: Float[Tensor, "n d"]) -> Terms:
        """Return the terms over held-out rows."""
        terms = self.member.losses(self.member.standardise(x)).terms
        return {name: term[None] for name, term in terms.items()}

    def diverged(self, terms: Terms) -> list[str]:
        """Return the member's name if its error or its directions are not finite."""
        is_sound = all(bool(tensor.isfinite().all()) for tensor in (*terms.values(), self.member.decoder))
        return [] if is_sound else list(self.members)

    def state(self) -> dict[str, Tensor]:
        """Return everything that determines the next steps, as `member/sae.name`."""
        return {f"{self.name}/sae.{key}": tensor.clone() for key, tensor in self.member.state_dict().items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Restore a state."""
        self.member.load_state_dict(without_prefix(state, f"{self.name}/sae."))

    def finish(self) -> None:
        """Do nothing: the member itself has learned."""

    @property
    def name(self) -> str:
        """The member's name."""
        return next(iter(self.members))

    @property
    def member(self) -> SAE:
        """The member."""
        return self.members[self.name]

    def _stack(self) -> None:
        self.whole = self.member


def learners(members: Mapping[str, SAE]) -> list[Group]:
    """Return a learner for each member that learns without gradients."""
    return [Learner({name: sae}, lr=0.0) for name, sae in members.items() if sae.learns]
