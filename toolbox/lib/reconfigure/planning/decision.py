"""The plan: what has to be done so that a machine holds what its config says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.desire.presets import parted
from toolbox.lib.reconfigure.desire.state import MASK, UNITS, Kind
from toolbox.lib.reconfigure.history import pending, record
from toolbox.lib.reconfigure.planning import accounts, activation, nodes, removal, resumption, risk
from toolbox.lib.reconfigure.planning.owners import owners
from toolbox.lib.reconfigure.planning.plan import Change, Plan
from toolbox.lib.reconfigure.planning.scene import Scene
from toolbox.lib.reconfigure.planning.switches import actions, before, settled
from toolbox.lib.reconfigure.units.actions import ordered

if TYPE_CHECKING:
    from toolbox.lib.reconfigure.desire.state import DesiredState
    from toolbox.lib.reconfigure.history.pending import Pending
    from toolbox.lib.reconfigure.history.record import Placed, Record
    from toolbox.lib.reconfigure.look.survey import Found, Survey
    from toolbox.lib.reconfigure.planning.plan import NodeChange


def decide(desired: DesiredState, survey: Survey, *, now: str, who: str, engine: str) -> Plan:
    """Return what has to be done to a machine.

    Args:
        desired: What its config says.
        survey: What it holds.
        now: The time, ISO 8601 in UTC.
        who: Who will do it, ``user@host``.
        engine: What will do it: ``direct`` or ``salt``.

    Returns:
        The plan; with findings that are errors where something cannot be done.
    """
    wanted = settled(desired, survey)
    left = pending.read(survey.pending)
    scene = Scene(survey, owners(wanted, survey), survey.record.nodes if survey.record else {})
    paths = {node.path for node in wanted.nodes}
    changed = [
        *nodes.changes(wanted.nodes, scene),
        *removal.masked_again(wanted.units, paths, scene),
    ]
    gone = [*removal.removals(paths, scene), *removal.unmasked(wanted.units, paths, scene)]
    nodes.lacking(changed, {it.path for it in gone if it.change is Change.REMOVED}, scene)
    # Reason: what is removed needs no removal of what is in it, and the deepest goes first. What a
    # hard link leads to may be one of those that become the image's own again.
    every = (
        *removal.emptied(gone, scene),
        *(it for it in changed if it.kind is not Kind.HARD_LINK),
        *(it for it in gone if not scene.is_emptied(it.path)),
        *(it for it in changed if it.kind is Kind.HARD_LINK),
    )
    people, sets = tuple(accounts.users(wanted, survey)), tuple(accounts.groups(wanted, survey))
    plan = Plan(
        nodes=every,
        users=people,
        groups=sets,
        provisioning=_provisioning(wanted, survey),
        findings=tuple(scene.findings),
        base=survey.record.generation if survey.record else None,
        stood={it.path: _facts(survey.nodes.get(it.path)) for it in every},
    )
    if survey.systemd:
        plan = _active(plan, wanted, survey, left)
    plan = replace(plan, risky=risk.reasons(plan.nodes, plan.users, plan.units, survey))
    return replace(plan, record=_remembered(plan, wanted, scene, (now, who, engine)))


def _facts(found: Found | None) -> str:
    return found.facts if found else ""


def _active(plan: Plan, desired: DesiredState, survey: Survey, left: Pending) -> Plan:
    """Return a plan with what makes its changes take effect."""
    effects = activation.effects(plan.nodes, desired, survey)
    switched = actions(desired, survey, {change.path: change for change in plan.nodes})
    starting = activation.starting(desired) if left.actions else ()
    unfinished = resumption.due(left.actions, starting, survey)
    units = ordered([*effects.actions, *switched, *unfinished], effects.stopped)
    commands = (*effects.commands, *left.commands)
    stale = any(facts.stale for facts in survey.units.values())
    return replace(
        plan,
        units=units,
        commands=tuple(dict.fromkeys(commands)),
        reload=effects.reload or stale or bool(left.actions),
    )


def _provisioning(desired: DesiredState, survey: Survey) -> tuple[str, ...]:
    """Return the parts that differ from those of the machine's first boot."""
    if survey.record is None:
        return ()
    known = survey.record.provisioning
    names = sorted(known.keys() | desired.provisioning.keys())
    return tuple(name for name in names if known.get(name) != desired.provisioning.get(name))


def _remembered(
    plan: Plan, desired: DesiredState, scene: Scene, said: tuple[str, str, str]
) -> Record | None:
    """Return the record afterwards; None where the machine's own says the same already."""
    survey, old = scene.survey, scene.survey.record
    time, who, engine = said
    new = record.of(
        desired,
        generation=max(old.generation + 1, 1) if old else 1,
        time=time,
        who=who,
        engine=engine,
    )
    people, sets = accounts.remembered(desired, survey)
    was = {change.path: change for change in plan.nodes}
    new = replace(
        new,
        nodes={
            path: replace(item, kept=_kept(path, item, scene, was.get(path)))
            for path, item in new.nodes.items()
        },
        units=_units(desired, new, scene),
        users=people,
        groups=sets,
        provisioning=dict(old.provisioning if old else desired.provisioning),
    )
    if old is not None and plan.nothing:
        same = replace(
            old, generation=new.generation, time=new.time, who=new.who, engine=new.engine
        )
        return None if same == new else new
    return new


def _kept(path: str, item: Placed, scene: Scene, change: NodeChange | None) -> bool:
    """Tell whether something was there before anything of ours."""
    old = scene.placed.get(path)
    if old is not None:
        return old.kept and old.kind == item.kind
    found = scene.survey.nodes.get(path)
    if found is None or (change is not None and change.clear) or scene.is_cleared(path):
        return False
    return found.kind is Kind.DIRECTORY or not (item.digest or item.source or item.target)


def _units(desired: DesiredState, new: Record, scene: Scene) -> dict[str, str]:
    """Return what is remembered of units, with what they were before anything was said."""
    survey = scene.survey
    old = survey.record.units if survey.record else {}
    remembered = {}
    for unit in desired.units:
        name = unit.name
        known, path = old.get(name), f"{UNITS}/{parted(name)[0]}"
        if known is not None:
            words = [word for word in known.split(",") if word.startswith("was-")]
        else:
            # Reason: a file that is ours already tells nothing of what was there before it.
            ours = path in new.nodes and path in survey.nodes
            words = [] if ours else [*before(survey.units.get(name))]
        mask = f"{UNITS}/{name}"
        found = survey.nodes.get(mask)
        if unit.masked is False and found and found.target == MASK and mask not in scene.placed:
            words.append(record.WAS_MASKED)
        said = dict.fromkeys(word for word in (new.units.get(name, ""), *words) if word)
        if said:
            remembered[name] = ",".join(said)
    return remembered
