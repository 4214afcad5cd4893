"""Rasa's graph, node after node in this thread."""

from graphlib import TopologicalSorter
from typing import Any

Plan = list[tuple[str, tuple[str, ...]]]


class StraightRunner:
    """Stands for Rasa's own runner, which plans and describes every run anew (a fifth of a turn): here an order is found once."""

    def __init__(self, planning: Any) -> None:
        """Take over the loaded nodes of Rasa's `planning` runner."""
        self._schema, self._nodes = planning._graph_schema, planning._instantiated_nodes
        self._plans: dict[tuple[str, ...], Plan] = {}

    def run(self, inputs: dict[str, Any] | None = None, targets: list[str] | None = None) -> dict[str, Any]:
        """The outputs of `targets`, as Rasa asks for them. Raises what the nodes raise."""
        wanted = tuple(targets or self._schema.target_names)
        if wanted not in self._plans:
            self._plans[wanted] = self._plan(wanted)
        # A node takes its inputs with their names; what is not there comes as its bare name, and the node complains.
        done: dict[str, Any] = {name: (name, value) for name, value in (inputs or {}).items()}
        for name, needs in self._plans[wanted]:
            done[name] = self._nodes[name](*(done.get(need, need) for need in needs))
        return {name: done[name][1] for name in wanted}

    def _plan(self, wanted: tuple[str, ...]) -> Plan:
        needs = {name: tuple(node.needs.values()) for name, node in self._schema.minimal_graph_schema(list(wanted)).nodes.items()}
        order = TopologicalSorter({name: [need for need in given if need in needs] for name, given in needs.items()}).static_order()
        return [(name, needs[name]) for name in order]
