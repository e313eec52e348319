"""Whether units start at boot, and what has to be done so that they do or do not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.desire import presets
from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.desire.presets import parted
from toolbox.lib.reconfigure.desire.state import MASK, PRESET, UNITS, Kind
from toolbox.lib.reconfigure.look.survey import ENABLED, RUNNING
from toolbox.lib.reconfigure.planning.activation import installs
from toolbox.lib.reconfigure.planning.plan import Change
from toolbox.lib.reconfigure.units.actions import UnitAction, Verb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolbox.lib.reconfigure.desire.state import DesiredState, Node, Unit
    from toolbox.lib.reconfigure.look.survey import Survey, UnitFacts
    from toolbox.lib.reconfigure.planning.plan import NodeChange

FIXED = frozenset({"static", "generated", "transient", "indirect", "bad"})
"""States of unit files that nobody enables or disables."""

CALLED_ENABLED = frozenset({"static", "indirect", "generated"})
BY_CONFIG = ("the config",)
NO_LONGER = ("no config says so any more",)


def settled(desired: DesiredState, survey: Survey) -> DesiredState:
    """Return what is desired, its presets as Ignition writes them on this very machine.

    A unit that shall not start at boot has a line only where the image would start it.
    """
    lines = presets.text(desired.units, _disabled(desired, survey))
    nodes = []
    for node in desired.nodes:
        if node.path == PRESET and lines:
            blob = Blob(lines.encode())
            nodes.append(replace(node, contents=blob))
        elif lines or not _is_for_presets(node):
            nodes.append(node)
    return replace(desired, nodes=tuple(nodes))


def _is_for_presets(node: Node) -> bool:
    return node.path == PRESET or node.origin == f"folder of {PRESET}"


def _disabled(desired: DesiredState, survey: Survey) -> frozenset[str]:
    """Return the units that Ignition takes for started by the image, and that shall not start."""
    found = survey.nodes.get(PRESET)
    everything = presets.text(desired.units)
    known = everything if found and found.digest == Blob(everything.encode()).digest else ""
    if found and found.contents:
        known = found.contents.reveal_text()
    lines = {tuple(line.split()) for line in known.splitlines()}
    texts = {
        node.path: node.contents.reveal_text()
        for node in desired.nodes
        if node.contents is not None and node.path.startswith(f"{UNITS}/")
    }
    return frozenset(
        unit.name
        for unit in desired.units
        if unit.enabled is False
        and (
            _is_on(survey.units.get(unit.name), texts.get(f"{UNITS}/{parted(unit.name)[0]}"))
            or _has_line(unit.name, lines)
        )
    )


def _is_on(facts: UnitFacts | None, text: str | None) -> bool:
    """Tell whether systemctl(1) calls a unit enabled; it does so for one that cannot be."""
    if text is not None and not installs(text):
        return True
    return facts is not None and facts.enabled in ENABLED | CALLED_ENABLED


def _has_line(name: str, lines: set[tuple[str, ...]]) -> bool:
    template, instance = parted(name)
    return any(
        line[:2] == ("disable", template) and (not instance or instance in line[2:])
        for line in lines
    )


def _is_enabled(facts: UnitFacts | None) -> bool:
    return facts is not None and facts.enabled in ENABLED


def actions(
    desired: DesiredState, survey: Survey, changes: Mapping[str, NodeChange]
) -> Iterator[UnitAction]:
    """Yield what has to be done so that units are as the config switches them.

    Args:
        desired: What the machine shall hold, with settled presets.
        survey: What it holds.
        changes: What changes, by path.
    """
    texts = {node.path: node for node in desired.nodes if node.path.startswith(f"{UNITS}/")}
    for unit in desired.units:
        facts = survey.units.get(unit.name)
        path = f"{UNITS}/{parted(unit.name)[0]}"
        if unit.masked or (unit.enabled is None and unit.masked is None):
            continue
        if unit.enabled is not None:
            yield from _switched(unit, facts, texts.get(path), changes.get(path))
        masks = changes.get(f"{UNITS}/{unit.name}")
        if masks and masks.was and masks.was.target == MASK and unit.enabled:
            yield UnitAction(unit.name, Verb.START, ("its mask is gone",))
    yield from _given_back(desired, survey, changes)


def _switched(
    unit: Unit, facts: UnitFacts | None, node: Node | None, change: NodeChange | None
) -> Iterator[UnitAction]:
    on = _is_enabled(facts)
    if not unit.enabled:
        if on:
            yield UnitAction(unit.name, Verb.DISABLE, BY_CONFIG)
            if facts and facts.active in RUNNING:
                yield UnitAction(unit.name, Verb.STOP, BY_CONFIG)
        return
    text = node.contents.reveal_text() if node and node.contents else None
    if text is not None and not installs(text):
        return
    if text is None and facts and facts.enabled in FIXED:
        return
    if on and text is not None and change is not None and _reinstalled(change, text):
        yield UnitAction(unit.name, Verb.DISABLE, ("its [Install] section changes",))
        yield UnitAction(unit.name, Verb.ENABLE, ("its [Install] section changes",))
    if not on:
        yield UnitAction(unit.name, Verb.ENABLE, BY_CONFIG)
        if facts is None or facts.active not in RUNNING:
            yield UnitAction(unit.name, Verb.START, BY_CONFIG)


def _reinstalled(change: NodeChange, text: str) -> bool:
    """Tell whether a unit is to be started by something else than before."""
    known = change.was.contents if change.was else None
    return known is not None and installs(known.reveal_text()) != installs(text)


def _given_back(
    desired: DesiredState, survey: Survey, changes: Mapping[str, NodeChange]
) -> Iterator[UnitAction]:
    """Yield what is done to units about which something was said and is said no more."""
    said = {unit.name: unit for unit in desired.units}
    for name, text in (survey.record.units if survey.record else {}).items():
        words, unit = set(text.split(",")), said.get(name)
        facts = survey.units.get(name)
        own = changes.get(f"{UNITS}/{parted(name)[0]}")
        if own and own.change is Change.REMOVED and own.kind is Kind.FILE and _is_ours(words):
            # Reason: what follows when its file goes is decided with the file.
            continue
        if "masked" in words and not (unit and unit.masked) and "was-active" in words:
            yield UnitAction(name, Verb.START, ("its mask is gone",))
        if unit is not None and unit.enabled is not None:
            continue
        if "enabled" in words and "was-enabled" not in words and _is_enabled(facts):
            yield UnitAction(name, Verb.DISABLE, NO_LONGER)
            if facts and facts.active in RUNNING and "was-active" not in words:
                yield UnitAction(name, Verb.STOP, NO_LONGER)
        if "disabled" in words and _was_on(name, words, survey) and not _is_enabled(facts):
            yield UnitAction(name, Verb.ENABLE, NO_LONGER)
            yield UnitAction(name, Verb.START, NO_LONGER)


def _is_ours(words: set[str]) -> bool:
    return not any(word.startswith("was-") for word in words)


def _was_on(name: str, words: set[str], survey: Survey) -> bool:
    """Tell whether a unit started at boot before a config said that it shall not."""
    found = survey.nodes.get(PRESET)
    known = found.contents.reveal_text() if found and found.contents else ""
    return "was-enabled" in words or _has_line(
        name, {tuple(line.split()) for line in known.splitlines()}
    )


def before(facts: UnitFacts | None) -> tuple[str, ...]:
    """Return the words for what a unit is before anything is said about it."""
    if facts is None or facts.load not in {"loaded", "masked"}:
        return ()
    enabled = "was-enabled" if facts.enabled in ENABLED else "was-disabled"
    return (enabled, "was-active") if facts.active in RUNNING else (enabled,)
