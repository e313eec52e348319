"""What makes changed files take effect: units that are touched, programs that are run."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolbox.lib.butane.check.unitfile import entries
from toolbox.lib.reconfigure.desire.presets import parted
from toolbox.lib.reconfigure.desire.state import MASK, UNITS, Kind
from toolbox.lib.reconfigure.look.survey import ENABLED, RUNNING, TRIED, Survey
from toolbox.lib.reconfigure.planning.plan import Change, NodeChange
from toolbox.lib.reconfigure.units import concern, rules, unitpath
from toolbox.lib.reconfigure.units.actions import UnitAction, Verb
from toolbox.lib.reconfigure.units.unitpath import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolbox.lib.reconfigure.desire.state import DesiredState, Node, Unit
    from toolbox.lib.reconfigure.look.survey import UnitFacts
    from toolbox.lib.reconfigure.units.references import References

NEVER_RESTARTED = frozenset({"dbus.service", "dbus-broker.service"})
"""Units whose restart takes the machine down; they can only reload."""

PASSIVE = frozenset({"target", "slice", "scope", "device"})
"""Types of units of which a restart does nothing good."""


@dataclass(slots=True)
class Effects:
    """What follows from changes.

    Attributes:
        actions: What is done to units; one can be named several times.
        stopped: Units that are not there any more afterwards, or masked.
        commands: Programs that are run.
        reload: Whether systemd has to read its units anew.
    """

    actions: list[UnitAction] = field(default_factory=list)
    stopped: set[str] = field(default_factory=set)
    commands: dict[tuple[str, ...], None] = field(default_factory=dict)
    reload: bool = False


def effects(changes: Iterable[NodeChange], desired: DesiredState, survey: Survey) -> Effects:
    """Return what follows from changes of files.

    Args:
        changes: What changes.
        desired: What the machine shall hold.
        survey: What it holds.
    """
    changes = tuple(changes)
    if not changes:
        # Reason: this is what mostly happens, and reading all units is what takes time.
        return Effects()
    activation = _Activation(desired, survey)
    for change in changes:
        activation.follow(change)
    return activation.effects


def starting(desired: DesiredState) -> frozenset[str]:
    """Return the units that shall start at boot."""
    return frozenset(_Activation(desired, Survey()).wanted)


def installs(text: str) -> frozenset[tuple[str, str]]:
    """Return what a unit says about being enabled."""
    return frozenset(
        (entry.key, entry.value) for entry in entries(text) if entry.section == "Install"
    )


@dataclass(slots=True)
class _Activation:
    desired: DesiredState
    survey: Survey
    effects: Effects = field(default_factory=Effects)
    texts: dict[str, str] = field(init=False)
    references: References = field(init=False)
    wanted: set[str] = field(init=False)
    vendors: set[str] = field(init=False)
    quadlets: dict[str, str] = field(default_factory=dict)
    touched: set[tuple[str, Verb]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.texts = concern.texts(self.desired.nodes)
        self.references = concern.references(self.desired.nodes)
        self.wanted = {unit.name for unit in self.desired.units if self._starts(unit)}
        known = self.survey.record.units if self.survey.record else {}
        # Reason: what was there before us is there again when ours goes.
        self.vendors = {unit for unit, words in known.items() if "was-" in words}
        for node in self.desired.nodes:
            self._quadlet(node)

    def _quadlet(self, node: Node) -> None:
        """Note the service that podman makes of a quadlet, and whether it starts at boot."""
        beside = posixpath.join(posixpath.dirname(node.path), node.target or "")
        # Reason: an instance of a template is a link to it.
        text = self.texts.get(node.path) or self.texts.get(posixpath.normpath(beside), "")
        found = unitpath.about(node.path, text)
        if found is None or found.role is not Role.QUADLET:
            return
        self.quadlets[found.unit] = found.quadlet
        said = installs(text)
        names = [value for key, value in said if key == "DefaultInstance"]
        unit = found.unit
        if names and unitpath.is_template(unit):
            unit = unit.replace("@.", f"@{names[0]}.", 1)
            self.quadlets[unit] = found.quadlet
        self.wanted |= {unit} if said else set()

    def _starts(self, unit: Unit) -> bool:
        """Tell whether a unit starts at boot; what has no [Install] section does not."""
        text = self.texts.get(f"{UNITS}/{parted(unit.name)[0]}")
        return bool(unit.enabled) and not unit.masked and (text is None or bool(installs(text)))

    def follow(self, change: NodeChange) -> None:
        """Note what follows from a change."""
        if change.kind is Kind.DIRECTORY and not (change.was and change.was.kind is Kind.FILE):
            return
        self.effects.reload |= unitpath.reloads(change.path)
        self._unit(change)
        for unit, rereads in self.references.named(change.path):
            self._touch(unit, Verb.RELOAD if rereads else Verb.RESTART, change.path)
        for rule, names in rules.of(change.path):
            self._rule(rule, names, change)

    def _unit(self, change: NodeChange) -> None:
        found = unitpath.about(change.path, self.texts.get(change.path) or _old_text(change))
        rights_only = bool(change.reasons) and {"mode", "owner"}.issuperset(change.reasons)
        if found is None or rights_only:
            return
        gone, masks = change.change is Change.REMOVED, change.target == MASK
        own = found.role in {Role.UNIT, Role.QUADLET} and found.unit not in self.vendors
        if found.role is Role.WANTED:
            self._act(found.unit, Verb.STOP if gone else Verb.START, change.path)
        elif (masks and not gone) or (gone and own and not masks):
            self._stop(found.unit, change.path, masks=masks)
        elif change.target is None or found.role is Role.QUADLET:
            self._touch(found.unit, Verb.RESTART, change.path)

    def _stop(self, unit: str, path: str, *, masks: bool) -> None:
        for name in self._instances(unit):
            facts = self.survey.units.get(name)
            self.effects.stopped.add(name)
            if facts and facts.active in TRIED:
                self._act(name, Verb.STOP, path)
            # Reason: what is masked stays enabled, for when the mask goes.
            goes = not masks and name not in self.wanted
            if facts and facts.enabled in ENABLED and goes:
                self._act(name, Verb.DISABLE, path)

    def _rule(self, rule: rules.Rule, names: dict[str, str], change: NodeChange) -> None:
        if rule.command:
            words = tuple(word.format(path=change.path) for word in rule.command)
            if change.change is not Change.REMOVED or words == rule.command:
                self.effects.commands[words] = None
            return
        for unit in rule.units:
            name = unit.format(**names)
            facts = self.survey.units.get(name)
            if name in self.wanted or (facts and facts.load == "loaded"):
                self._touch(name, rule.verb, change.path)
                return

    def _touch(self, unit: str, verb: Verb, path: str) -> None:
        """Note that a unit has to see a change."""
        for name in self._instances(unit):
            facts = self.survey.units.get(name)
            decided = self._verb(name, verb, facts)
            if decided:
                self._act(name, decided, path)
            if (name, verb) in self.touched:
                continue
            self.touched.add((name, verb))
            quadlet = self.quadlets.get(name) or self.quadlets.get(unit)
            users = self.references.quadlets.get(quadlet, ()) if quadlet else ()
            for user in users if verb is Verb.RESTART else ():
                self._touch(user, verb, path)

    def _verb(self, unit: str, verb: Verb, facts: UnitFacts | None) -> Verb | None:
        """Return what is done to a unit so that it sees a change."""
        if unitpath.kind(unit) in PASSIVE:
            return None
        if facts is None or facts.active not in TRIED:
            return Verb.START if unit in self.wanted else None
        if unit in NEVER_RESTARTED or verb is Verb.RELOAD:
            if facts.can_reload and facts.active in RUNNING:
                return Verb.RELOAD
            return None if unit in NEVER_RESTARTED else Verb.RESTART
        return Verb.RESTART

    def _act(self, unit: str, verb: Verb, path: str) -> None:
        self.effects.actions.append(UnitAction(unit, verb, (path,)))
        service = f"{unit.removesuffix('.socket')}.service"
        facts = self.survey.units.get(service)
        is_socket = unit.endswith(".socket") and verb is Verb.RESTART
        if is_socket and facts and facts.active in RUNNING:
            # Reason: a socket cannot be opened anew while its service is running.
            for again in (Verb.STOP, Verb.RESTART):
                self.effects.actions.append(UnitAction(service, again, (path,)))

    def _instances(self, unit: str) -> Iterator[str]:
        """Yield a unit, or all known instances of a template."""
        if not unitpath.is_template(unit):
            yield unit
            return
        known = [*(it.name for it in self.desired.units), *self.quadlets, *self.survey.units]
        yield from dict.fromkeys(name for name in known if unitpath.instance_of(name, unit))


def _old_text(change: NodeChange) -> str:
    known = change.was.contents if change.was else None
    return known.reveal_text() if known else ""
