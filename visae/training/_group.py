"""A group: SAEs of one shape that train as one stack, with its optimiser."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from visae.sae import SAE, same_shape, stack, unstack
from visae.training._config import Schedule

# A zero reconstruction costs 1 or d, depending on the kind; a loss this many times d has diverged.
_DIVERGED = 1e4
# Elements of [s, n, m] in one stack: what fits in a CPU's memory, and what keeps a GPU busy.
_MAX_VALUES = {"cpu": 1 << 26, "cuda": 1 << 28}
# Held-out rows that are measured together.
_PIECE = 2048

Terms = dict[str, Float[Tensor, " _"]]


class Group:
    """Members by name, trained as one stack by one Adam."""

    def __init__(self, members: Mapping[str, SAE], lr: float):
        self.members, self.lr = dict(members), lr
        self._stack()

    def step(self, x: Float[Tensor, "n d"], schedule: Schedule) -> Terms:
        """Take one step of the optimiser, and count which features fired; return each member's terms before it."""
        whole = self.whole
        z = self._standardised(x)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=x.device.type == "cuda"):
            terms, fired = whole.losses(z)
        whole.count_rows_since_fired(fired, len(z))
        if "sparsity" in terms:
            terms["sparsity"] = schedule.warmup_factor * terms["sparsity"]
        for parameters in self.optimiser.param_groups:
            parameters["lr"] = parameters["factor"] * schedule.learning_rate
        self.optimiser.zero_grad()
        torch.autograd.backward(torch.stack(list(terms.values())).sum())
        whole.before_step()
        self.optimiser.step()
        whole.after_step()
        whole.hold_to_start()
        # Detached: the graph would keep this step's activations alive during the next.
        return {name: term.detach() for name, term in terms.items()}

    def refresh(self, after: int, by: float) -> None:
        """Update what need not be updated at every step; help features silent for more than `after` rows."""
        self.whole.revive(after, by)
        self.whole.refresh()

    def silent(self, after: int) -> list[int]:
        """Return how many features of each member have not fired for more than `after` rows."""
        counts: list[int] = (self.whole.rows_since_fired > after).sum(1).tolist()
        return counts

    @torch.no_grad()
    def held_out_terms(self, x: Float[Tensor, "n d"]) -> Terms:
        """Return each member's terms over held-out rows: the mean over pieces of equal size."""
        self.whole.eval()
        pieces = [self.whole.losses(z).terms for z in self._standardised(x).chunk(max(len(x) // _PIECE, 1))]
        self.whole.train()
        return {name: torch.stack([terms[name] for terms in pieces]).mean(0) for name in pieces[0]}

    def _standardised(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        # All members share the centre and scale of the rows.
        return next(iter(self.members.values())).standardise(x)

    def diverged(self, terms: Terms) -> list[str]:
        """Return the names of members whose loss is enormous or whose parameters are not finite."""
        # Written so that NaN, which compares as false, counts as diverged.
        sound: Bool[Tensor, " s"] = torch.stack(list(terms.values())).sum(0) <= _DIVERGED * self.whole.dim
        for parameter in self.whole.parameters():
            sound = sound & parameter.isfinite().reshape(len(sound), -1).all(1)
        return [name for name, is_sound in zip(self.members, sound.tolist(), strict=True) if not is_sound]

    def drop(self, names: list[str]) -> None:
        """Continue without these members."""
        state = self.state()
        self.members = {name: sae for name, sae in self.members.items() if name not in names}
        if self.members:
            self.load(state)

    def state(self) -> dict[str, Tensor]:
        """Return everything that determines the next steps, as `member/sae.name` and `member/adam.parameter.moment`."""
        tensors = {f"sae.{name}": tensor for name, tensor in self.whole.state_dict().items()}
        for name, parameter in self.whole.named_parameters():
            moments = self.optimiser.state.get(parameter, {})
            for moment, tensor in moments.items():
                per_member = tensor.expand(len(self.members)) if tensor.ndim == 0 else tensor
                tensors[f"adam.{name}.{moment}"] = per_member
        return {
            f"{name}/{key}": tensor[index].clone()
            for index, name in enumerate(self.members)
            for key, tensor in tensors.items()
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Restore a state; every member must be in it."""
        for name, sae in self.members.items():
            # Older checkpoints lack what the first refresh derives.
            sae.load_state_dict({**sae.state_dict(), **without_prefix(state, f"{name}/sae.")})
        self._stack()
        for name, parameter in self.whole.named_parameters():
            states = [without_prefix(state, f"{member}/adam.{name}.") for member in self.members]
            if states[0]:
                moments = {key: torch.stack([state[key] for state in states]).to(parameter) for key in states[0]}
                moments["step"] = moments["step"][0]
                self.optimiser.state[parameter] = moments

    def finish(self) -> None:
        """Copy what was learned back into the members."""
        self.whole.refresh()
        unstack(self.whole, list(self.members.values()))

    def _stack(self) -> None:
        self.whole = stack(list(self.members.values()))
        by_factor: dict[float, list[Tensor]] = {}
        for name, parameter in self.whole.named_parameters():
            if not parameter.requires_grad:
                continue
            by_factor.setdefault(self.whole.rate_factors.get(name, 1.0), []).append(parameter)
        parameters = [{"params": group, "factor": factor} for factor, group in by_factor.items()]
        self.optimiser = torch.optim.Adam(parameters, lr=self.lr, fused=True)


def without_prefix(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names start with a prefix, with the prefix removed."""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def grouped(members: Mapping[str, SAE], batch: int, lr: float) -> list[Group]:
    """Group members by shape, each group small enough for the device; baselines, which do not train, are left out."""
    by_shape: dict[object, list[dict[str, SAE]]] = {}
    for name, sae in members.items():
        if not any(parameter.requires_grad for parameter in sae.parameters()):
            continue
        max_values = _MAX_VALUES.get(sae.centre.device.type, _MAX_VALUES["cpu"])
        groups = by_shape.setdefault(same_shape(sae), [{}])
        if len(groups[-1]) >= max(max_values // (batch * sae.width), 1):
            groups.append({})
        groups[-1][name] = sae
    return [Group(group, lr) for groups in by_shape.values() for group in groups]
