"""Which units a desired state is about, by its files and by what these name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.units import rules, unitpath
from toolbox.lib.reconfigure.units.references import References

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolbox.lib.reconfigure.desire.state import DesiredState, Node


def own(desired: DesiredState, paths: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the units that a desired state is made of: those it names, or has files of.

    Args:
        desired: What the machine shall hold.
        paths: What was put there before.
    """
    known = texts(desired.nodes)
    found = (
        unitpath.about(path, known.get(path, ""))
        for path in (*(node.path for node in desired.nodes), *paths)
    )
    return _askable({*(unit.name for unit in desired.units), *(it.unit for it in found if it)})


def readers(desired: DesiredState, paths: Iterable[str]) -> tuple[str, ...]:
    """Return the units that read files, by what they name or because of where these are.

    Args:
        desired: What the machine shall hold.
        paths: The files.
    """
    names, found = references(desired.nodes), set[str]()
    for path in paths:
        found |= {unit for unit, _ in names.named(path)}
        found |= {unit.format(**parts) for rule, parts in rules.of(path) for unit in rule.units}
    return _askable(found)


def _askable(names: set[str]) -> tuple[str, ...]:
    sockets = (unit for unit in names if unit.endswith(".socket"))
    services = {f"{unit.removesuffix('.socket')}.service" for unit in sockets}
    return tuple(sorted(unit for unit in names | services if not unitpath.is_template(unit)))


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
