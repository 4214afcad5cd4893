"""Rasa's graph, node after node in this thread."""

from collections.abc import Callable
from graphlib import TopologicalSorter
from typing import Any

# A node's name, what it calls, and by the names of the arguments the nodes that give them.
Step = tuple[str, Callable[..., Any], tuple[tuple[str, str], ...]]


class StraightRunner:
    """Stands for Rasa's own runner, which plans and describes every run and every node anew (a quarter of a turn): here an order is
    found once, and each node does no more than its component."""

    def __init__(self, planning: Any) -> None:
        """Take over the loaded nodes of Rasa's `planning` runner."""
        self._schema, self._nodes = planning._graph_schema, planning._instantiated_nodes
        self._plans: dict[tuple[str, ...], list[Step]] = {}

    def run(self, inputs: dict[str, Any] | None = None, targets: list[str] | None = None) -> dict[str, Any]:
        """The outputs of `targets`, as Rasa asks for them. Raises what the nodes raise, KeyError for an input that is not given."""
        wanted = tuple(targets or self._schema.target_names)
        if wanted not in self._plans:
            self._plans[wanted] = self._plan(wanted)
        done = dict(inputs or {})
        for name, call, needs in self._plans[wanted]:
            done[name] = call(**{argument: done[need] for argument, need in needs})
        return {name: done[name] for name in wanted}

    def _plan(self, wanted: tuple[str, ...]) -> list[Step]:
        nodes = self._schema.minimal_graph_schema(list(wanted)).nodes
        needs = {name: tuple(node.needs.items()) for name, node in nodes.items()}
        order = TopologicalSorter({name: [need for _, need in given if need in nodes] for name, given in needs.items()}).static_order()
        return [(name, self._call(name), needs[name]) for name in order]

    def _call(self, name: str) -> Callable[..., Any]:
        """The method of the component that a node has loaded; of one that loads it late, the node itself."""
        node = self._nodes[name]
        if node._component is not None:
            method: Callable[..., Any] = getattr(node._component, node._fn_name)
            return method
        given = dict(self._schema.nodes[name].needs)
        return lambda **arguments: node(*((given[argument], value) for argument, value in arguments.items()))[1]
