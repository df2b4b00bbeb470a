"""A network as a graph of named operations; a forward pass runs only the nodes it needs."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from visae._support.errors import VisaeError

Operation = Callable[..., Tensor]


@dataclass(frozen=True)
class Node:
    """One step of a network: `operation` applied to the values of `inputs`."""

    name: str
    inputs: tuple[str, ...]
    operation: Operation


class Graph:
    """Nodes in topological order; the name `input` stands for the images."""

    def __init__(self, nodes: Iterable[Node]):
        self.nodes = {node.name: node for node in nodes}

    def run(
        self, images: Tensor, wanted: Iterable[str], replaced: Mapping[str, Callable[[Tensor], Tensor]] = {}
    ) -> dict[str, Tensor]:
        """Return the values of the wanted nodes; run only their ancestors, and free each value after its last use.

        replaced: functions, by node name, applied to that node's value before anything uses it. Raises `VisaeError` for
                  a node on which no wanted node depends.
        """
        wanted = list(wanted)
        needed = self._ancestors(wanted)
        _refuse_unused(replaced, needed, wanted)
        uses = Counter(source for node in needed.values() for source in node.inputs)
        uses.update(wanted)
        values: dict[str, Tensor] = {"input": images}
        for node in needed.values():
            arguments = [values[source] for source in node.inputs]
            for source in node.inputs:
                uses[source] -= 1
                if not uses[source]:
                    del values[source]
            values[node.name] = replaced.get(node.name, _identity)(node.operation(*arguments))
        return {name: values[name] for name in wanted}

    def _ancestors(self, wanted: Iterable[str]) -> Mapping[str, Node]:
        needed: set[str] = set()
        pending = list(wanted)
        while pending:
            name = pending.pop()
            if name in needed or name == "input":
                continue
            needed.add(name)
            pending += self.nodes[name].inputs
        return {name: node for name, node in self.nodes.items() if name in needed}


def _refuse_unused(replaced: Iterable[str], needed: Mapping[str, Node], wanted: Iterable[str]) -> None:
    for name in replaced:
        if name not in needed:
            raise VisaeError(f"replacing {name} changes nothing: {', '.join(wanted)} does not depend on it")


def _identity(value: Tensor) -> Tensor:
    return value
