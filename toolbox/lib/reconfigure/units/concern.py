"""Which units a desired state is about, by its files and by what these name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.desire.state import Kind
from toolbox.lib.reconfigure.units import rules, unitpath
from toolbox.lib.reconfigure.units.references import References

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolbox.lib.reconfigure.desire.state import DesiredState, Node


def units(desired: DesiredState, paths: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the units that a plan may touch, so that a survey can ask for them.

    Args:
        desired: What the machine shall hold.
        paths: What was put there before.
    """
    named = {unit.name for unit in desired.units}
    known, names = texts(desired.nodes), references(desired.nodes)
    kinds = {node.path: node.kind for node in desired.nodes}
    for path in (*kinds, *paths):
        found = unitpath.about(path, known.get(path, ""))
        named |= {found.unit} if found else set()
        if kinds.get(path) is not Kind.DIRECTORY:
            named |= {unit for unit, _ in names.named(path)}
            matching = rules.of(path)
            named |= {unit.format(**parts) for rule, parts in matching for unit in rule.units}
    named |= {f"{unit[: -len('.socket')]}.service" for unit in named if unit.endswith(".socket")}
    return tuple(sorted(unit for unit in named if not unitpath.is_template(unit)))


def texts(nodes: Sequence[Node]) -> dict[str, str]:
    """Return the texts of units and quadlets by their paths."""
    return {
        node.path: node.contents.reveal_text()
        for node in nodes
        if node.contents is not None and unitpath.about(node.path)
    }


def references(nodes: Sequence[Node]) -> References:
    """Return what units and quadlets name."""
    found = References()
    for path, text in texts(nodes).items():
        unit = unitpath.about(path, text)
        if unit:
            found.add(unit.unit, text, path)
    return found
