"""Changing the machines of a project to what their configs say, all at once."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolbox.lib.butane import pipeline
from toolbox.lib.core import parallel
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.lock import exclusive
from toolbox.lib.core.steps import note, step
from toolbox.lib.reconfigure import change, words
from toolbox.lib.reconfigure.desired import derive
from toolbox.lib.reconfigure.session import remote
from toolbox.lib.simulation import keys, layout, reach, record
from toolbox.lib.simulation.reach import Target
from toolbox.lib.simulation.start import CHANGED, UNCHANGED
from toolbox.lib.transport.ssh import client

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from toolbox.lib.butane.translate import IgnitionConfig
    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.reconfigure.change import Prospect
    from toolbox.lib.reconfigure.engine import ChangeReport
    from toolbox.lib.reconfigure.session import Session
    from toolbox.lib.reconfigure.state import DesiredState
    from toolbox.lib.simulation.layout import Layout
    from toolbox.lib.simulation.neighbours import Neighbours
    from toolbox.lib.simulation.plan import Plan
    from toolbox.lib.simulation.start import Running
    from toolbox.lib.transport.ssh import Client

MOST = 20
"""Machines that are worked on at once."""
CHECK_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Reached:
    """A machine with an open session.

    Attributes:
        target: The machine.
        session: A root shell on it.
        client: The connection that the session goes over.
    """

    target: Target
    session: Session
    client: Client

    @property
    def name(self) -> str:
        """Name of its host."""
        return self.target.host.name

    def again(self) -> AbstractContextManager[Session]:
        """Open a session over a new connection."""
        return remote(self.client, self.name, fresh=True)

    def desired(self, config: IgnitionConfig) -> DesiredState:
        """Return what it shall hold by a config, the files of its place included."""
        return derive(config, self.target.place)


@contextmanager
def reached(
    project: Project, hosts: Sequence[Host], *, named: bool
) -> Iterator[tuple[Reached, ...]]:
    """Open sessions on the machines of some hosts; they are connected while the caller works.

    Args:
        project: The project.
        hosts: The hosts.
        named: Whether each of them was asked for; those without a machine are left out otherwise.

    Yields:
        The machines, in the order of the hosts.

    Raises:
        UsageError: There is no machine.
    """
    identity = keys.held(project)
    found = reach.targets(project, hosts, identity, named=named)
    where = layout.of(project)
    key, public = identity.provision_key, identity.provision_public_key
    with (
        client([target.endpoint for target in found], key, public, where.runtime) as ssh,
        ExitStack() as sessions,
    ):
        yield tuple(
            Reached(
                target,
                sessions.enter_context(remote(ssh, target.host.name)),
                ssh,
            )
            for target in found
        )


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
    hosts = [machine.target.host for machine in machines]
    outcomes = pipeline.every(project, hosts, keys.held(project))
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
        desired = machine.desired(configs[machine.name])
        return change.prospect(machine.session, desired, engine=engine)

    return parallel.each(one, machines, most=MOST)


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
            made = change.engine_of(engine, machine.session, seen, machine.again)
            return change.carry_out(seen, made)

    return parallel.each(one, pairs, most=MOST)


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
    alone = any(machine.target.simulated for machine, _ in pairs)
    lock = exclusive(where.folder / "lock", what=f"simulation of {project.name}")
    with lock if alone else nullcontext():
        reports = carry_out(where, pairs, engine)
        if check:
            parallel.each(lambda pair: _checked(where, *pair, check), pairs, most=MOST)
    return reports


def _checked(where: Layout, machine: Reached, seen: Prospect, check: str) -> None:
    """Run a check on a machine; bring it back to what it was when that fails."""
    result = machine.client.run(machine.name, check, timeout=CHECK_SECONDS, check=False)
    if result.ok:
        return
    said = "".join(f"\n{line}" for line in (result.tail("stdout"), result.tail()) if line)
    message = f"{machine.name}: the check failed with exit code {result.exit_code}{said}"
    if seen.plan.base is None:
        raise ToolboxError(message, hint="there is no generation to go back to")
    back = return_to(where, machine, seen.plan.base)
    raise ToolboxError(
        f"{message}\nall was taken back, as generation {back.generation}",
        hint="mend the cause and apply again",
    )


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


def settle(
    where: Layout,
    plans: Sequence[Plan],
    machines: Sequence[Running],
    ssh: Client,
    told: Neighbours,
) -> tuple[Running, ...]:
    """Change the machines of a simulation whose config is another one by now.

    Args:
        where: Layout of the simulation.
        plans: What each machine shall be.
        machines: The machines, up, in the same order.
        ssh: Reaches them.
        told: What they are told of each other.

    Returns:
        All machines, with what was changed on them.

    Raises:
        ToolboxError: Some cannot be changed, or not all of it went well.
    """
    pairs = [
        (item, machine)
        for item, machine in zip(plans, machines, strict=True)
        if item.changed and machine.config != item.config.sha256
    ]
    if not pairs:
        return tuple(machines)
    names = ", ".join(item.host.name for item, _ in pairs)
    with step(f"Change {names}"), ExitStack() as sessions:
        configs = {item.host.name: item.config for item, _ in pairs}
        begun = [
            Reached(
                Target(item.host, machine.endpoint, told.files(item.host.name), simulated=True),
                sessions.enter_context(remote(ssh, item.host.name)),
                ssh,
            )
            for item, machine in pairs
        ]
        try:
            seen = prospects(begun, configs, change.DIRECT)
            for prospect in seen:
                tell(prospect)
            carry_out(where, list(zip(begun, seen, strict=True)), change.DIRECT)
        except ToolboxError as error:
            # Reason: a machine that cannot become what is wanted can always be made anew.
            error.hint = error.hint or "a new machine: invoke sim --fresh"
            raise
    lines = {item.name: words.lines(item.plan) for item in seen}
    return tuple(
        replace(
            machine,
            config=configs[machine.host.name].sha256,
            action=CHANGED if machine.action == UNCHANGED else machine.action,
            changes=tuple(lines[machine.host.name]),
        )
        if machine.host.name in configs
        else machine
        for machine in machines
    )


def tell(seen: Prospect) -> None:
    """Say what has to be done to a machine."""
    lines = words.lines(seen.plan) or ["nothing that matters to it"]
    for line in lines:
        note(f"{seen.name}: {line}")
