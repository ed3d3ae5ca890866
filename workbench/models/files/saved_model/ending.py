"""The operations that end a SavedModel's graph, as a table."""

from __future__ import annotations

from typing import Any, NamedTuple

from workbench.models.files.foreign import Ending, listed
from workbench.models.files.saved_model.program import function_of


class _Scope(NamedTuple):
    """A function that is called, and by what; of the graph itself there are only nodes."""

    nodes: dict[str, Any]
    path: str = ""
    function: Any = None
    call: Any = None
    outer: Any = None


_Found = tuple[Any, _Scope]


def ending(graph: Any, tensor: str) -> Ending:
    """List the operations before a tensor of a graph; calls of its functions are opened."""
    functions = {each.signature.name: each for each in graph.library.function}

    def before(found: _Found) -> list[_Found]:
        node, scope = found
        givers = (_giver(name, scope, functions) for name in node.input if not name.startswith("^"))
        return [each for each in givers if each is not None]

    return listed(
        _giver(tensor, _Scope({node.name: node for node in graph.node}), functions),
        kind=lambda found: str(found[0].op),
        before=before,
        key=lambda found: (found[1].path, found[0].name),
    )


def _giver(tensor: str, scope: _Scope, functions: dict[str, Any]) -> _Found | None:
    """Find the node that gives a tensor, in the function that a call leads into, or outside of it for an argument."""
    for _ in range(64):  # calls within calls
        name, *rest = tensor.split(":")
        node = scope.nodes.get(name)
        if node is None:
            if scope.function is None:
                return None
            arguments = [each.name for each in scope.function.signature.input_arg]
            given = [each for each in scope.call.input if not each.startswith("^")]
            if name not in arguments or arguments.index(name) >= len(given):
                return None
            tensor, scope = given[arguments.index(name)], scope.outer
            continue
        called = functions.get(function_of(node) or node.op)
        if called is None:
            return node, scope
        slot = int(rest[-1]) if rest and rest[-1].isdigit() else 0
        outputs = [each.name for each in called.signature.output_arg]
        if slot >= len(outputs):
            return None
        scope = _Scope({each.name: each for each in called.node_def}, f"{scope.path}/{node.name}", called, node, scope)
        tensor = called.ret[outputs[slot]]
    return None
