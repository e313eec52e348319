"""Changing the machines of a project to what their configs say, all at once."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolbox.lib.butane import pipeline
from toolbox.lib.core import parallel
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.lock import exclusive
from toolbox.lib.reconfigure import change
from toolbox.lib.reconfigure.desire.ignition import derive
from toolbox.lib.reconfigure.engines.contract import DIRECT, SALT, ChangeReport, Previewing
from toolbox.lib.reconfigure.history import generations
from toolbox.lib.reconfigure.history.record import keepsakes
from toolbox.lib.simulation import layout, reach, record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from toolbox.lib.butane.pipeline import Outcome
    from toolbox.lib.butane.translate import IgnitionConfig
    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.reconfigure.change import Prospect
    from toolbox.lib.reconfigure.desire.state import DesiredState
    from toolbox.lib.reconfigure.engines.contract import Done
    from toolbox.lib.reconfigure.history.generations import Generation
    from toolbox.lib.simulation.layout import Layout
    from toolbox.lib.simulation.reach import Reached, Target

CHECK_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Returned:
    """A machine that was brought back to an earlier generation.

    Attributes:
        prospect: What had to be done.
        report: What was done.
    """

    prospect: Prospect
    report: ChangeReport


@dataclass(frozen=True, slots=True)
class Rendered:
    """The configs of some hosts.

    Attributes:
        configs: By the names of the hosts.
        findings: What is to say about them, though they are accepted.
    """

    configs: Mapping[str, IgnitionConfig]
    findings: tuple[Finding, ...]


def rendered(project: Project, machines: Sequence[Reached]) -> Rendered:
    """Render, translate and check the configs of machines.

    Args:
        project: The project.
        machines: Some of its machines.

    Raises:
        ToolboxError: One is refused; the findings tell why.
    """
    outcomes: list[Outcome] = []
    for some in reach.kinds([machine.target for machine in machines]).values():
        hosts = [target.host for target in some]
        outcomes += pipeline.every(project, hosts, some[0].identity)
    return Rendered(pipeline.accepted(outcomes), pipeline.findings(outcomes))


def prospects(
    machines: Sequence[Reached], configs: Mapping[str, IgnitionConfig], engine: str
) -> tuple[Prospect, ...]:
    """Look at machines and decide what has to be done to each; nothing is changed.

    Args:
        machines: The machines.
        configs: Their configs by the names of their hosts.
        engine: Name of the engine that would do it.
    """

    def one(machine: Reached) -> Prospect:
        desired = derive(configs[machine.name], machine.target.place)
        return change.prospect(machine.session, desired, engine=engine)

    return parallel.each(one, machines, most=_most(machines))


def carry_out(
    where: Layout, pairs: Sequence[tuple[Reached, Prospect]], engine: str
) -> tuple[ChangeReport, ...]:
    """Change machines, all at once.

    Args:
        where: Layout of the simulation.
        pairs: The machines and what has to be done to each.
        engine: Name of the engine that does it.

    Raises:
        ToolboxError: Some of it failed, after all have come to an end.
    """

    def one(pair: tuple[Reached, Prospect]) -> ChangeReport:
        machine, seen = pair
        with remembered(where, machine.target, seen.desired):
            grown = machine.vault.keep(keepsakes(seen.desired))
            again = None if machine.new else machine.again
            made = change.engine_of(engine, machine.session, seen, again, machine.states)
            report = change.carry_out(seen, made)
            if grown:
                # Reason: generations that the machine has forgotten need their secrets no more.
                machine.vault.retain(generations.digests(machine.session))
            return report

    return parallel.each(one, pairs, most=_most([machine for machine, _ in pairs]))


def previews(pairs: Sequence[tuple[Reached, Prospect]]) -> tuple[tuple[Done, ...], ...]:
    """Return what Salt says that it would do to each machine; nothing is changed."""

    def one(pair: tuple[Reached, Prospect]) -> tuple[Done, ...]:
        machine, seen = pair
        made = change.engine_of(SALT, machine.session, seen, states=machine.states)
        return made.preview(seen.plan) if isinstance(made, Previewing) else ()

    return parallel.each(one, pairs, most=_most([machine for machine, _ in pairs]))


def apply(
    project: Project, pairs: Sequence[tuple[Reached, Prospect]], engine: str, check: str = ""
) -> tuple[ChangeReport, ...]:
    """Change machines while nobody else works on the simulation, and see that they are well.

    Args:
        project: The project.
        pairs: The machines and what has to be done to each.
        engine: Name of the engine that does it.
        check: Command for a machine's shell that must succeed; a machine on which it fails
            goes back to what it was.

    Raises:
        ToolboxError: Some of it failed, after all have come to an end.
    """
    where = layout.of(project)
    machines = [machine for machine, _ in pairs]
    with _alone(project, where, machines):
        reports = carry_out(where, pairs, engine)
        if check:
            most = _most(machines)
            parallel.each(lambda pair: _checked(where, *pair, check), pairs, most=most)
    return reports


def roll_back(project: Project, machine: Reached, number: int, engine: str) -> Returned:
    """Bring a machine back to what it was, while nobody else works on the simulation.

    Args:
        project: The project.
        machine: The machine.
        number: The generation.
        engine: Name of the engine that does it.

    Raises:
        ToolboxError: It cannot be had again, or some of it failed.
    """
    where = layout.of(project)
    with _alone(project, where, [machine]):
        return return_to(where, machine, number, engine)


def _alone(
    project: Project, where: Layout, machines: Sequence[Reached]
) -> AbstractContextManager[None]:
    """Hold the lock of the simulation, where machines of it are among these."""
    if not any(machine.target.simulated for machine in machines):
        return nullcontext()
    return exclusive(where.folder / "lock", what=f"simulation of {project.name}")


def _checked(where: Layout, machine: Reached, seen: Prospect, check: str) -> None:
    """Run a check on a machine; bring it back to what it was when that fails."""
    result = machine.client.run(machine.name, check, timeout=CHECK_SECONDS, check=False)
    if result.ok:
        return
    said = "".join(f"\n{line}" for line in (result.tail("stdout"), result.tail()) if line)
    message = f"{machine.name}: the check failed with exit code {result.exit_code}{said}"
    if seen.plan.base is None:
        raise ToolboxError(message, hint="there is no generation to go back to")
    back = return_to(where, machine, seen.plan.base).report
    message += f"\nall was taken back, as generation {back.generation}"
    raise ToolboxError(message, hint="mend the cause and apply again")


def histories(machines: Sequence[Reached]) -> tuple[tuple[Generation, ...], ...]:
    """Return the generations that each machine remembers, the oldest first."""
    most = _most(machines)
    return parallel.each(lambda machine: generations.of(machine.session), machines, most=most)


def _most(machines: Sequence[Reached]) -> int:
    return reach.at_once([machine.target for machine in machines])


def return_to(where: Layout, machine: Reached, number: int, engine: str = DIRECT) -> Returned:
    """Bring a machine back to what it was; that makes a new generation.

    Args:
        where: Layout of the simulation.
        machine: The machine.
        number: The generation.
        engine: Name of the engine that does it.

    Returns:
        What was decided, and what was done.

    Raises:
        ToolboxError: It cannot be had again, or some of it failed.
    """
    desired = generations.state(machine.session, number, machine.vault)
    seen = change.prospect(machine.session, desired, engine=engine)
    if seen.nothing:
        return Returned(seen, ChangeReport(engine, generation=seen.generation))
    (report,) = carry_out(where, [(machine, seen)], engine)
    return Returned(seen, report)


@contextmanager
def remembered(where: Layout, target: Target, desired: DesiredState) -> Iterator[None]:
    """Remember of a simulated machine that it gets another config in the block.

    While that goes on, and when it fails, nobody may take it for one that has either.

    Args:
        where: Layout of the simulation.
        target: The machine.
        desired: What it shall hold.
    """
    path = where.record(target.host.name)
    known = record.load(path) if target.simulated else None
    if known is None:
        yield
        return
    replace(known, config=record.UNCONFIGURED).save(path)
    yield
    replace(known, config=desired.config).save(path)
