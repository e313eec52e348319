"""sim: a project's machines, simulated.

`invoke sim` is the main job: bring the machines up, check them, report.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.tasks import task

from toolbox.tasks import show

if TYPE_CHECKING:
    from pathlib import Path

    from invoke.context import Context

    from toolbox.lib.inventory.project import Project
    from toolbox.lib.simulation.plan import Options
    from toolbox.lib.simulation.start import Running
    from toolbox.lib.simulation.up import Simulation
    from toolbox.lib.verify.run import Proof

HELP = {
    "accel": "auto (KVM if it boots a guest here), kvm (or fail), tcg (emulation)",
    "os": "simulate every host on this guest; on that of its own os by default",
    "deadline": "seconds that a boot may take",
    "hosts": "names of hosts, separated by commas; all by default",
    "cold": "boot new machines, though one of the same content could be resumed",
    "warm": "start new machines from a generic guest in memory, and change them to their config",
    "fresh": "make the machines anew, whatever they are",
    "json": show.JSON,
}
NAME = "host; the only one by default"
SHOWN = 3
"""Names of files that a line has room for."""


def folder() -> Path:
    """Return the folder of the current project, or of the shipped example."""
    from pathlib import Path

    import toolbox
    from toolbox.lib.inventory.project import find_root

    found = find_root(Path.cwd())
    if found is None:
        found = Path(toolbox.__file__).parent / "example"
        show.say(f"there is no project.yaml here: this is the shipped example ({found})")
    return found


def project() -> Project:
    """Return the current project, or the shipped example."""
    from toolbox.lib.inventory.load import load

    return load(folder())


def _options(accel: str, os: str, deadline: int, hosts: str, **flags: bool) -> Options:
    from toolbox.lib.inventory.choice import parted
    from toolbox.lib.simulation.plan import Options

    names = tuple(parted([hosts]))
    return Options(accel, os or None, float(deadline), names, **flags)


@task(default=True, help=HELP)
def sim(  # noqa: PLR0913 - the options of a task
    _context: Context,
    accel: str = "auto",
    os: str = "",
    deadline: int = 600,
    hosts: str = "",
    cold: bool = False,  # noqa: FBT001, FBT002
    warm: bool = False,  # noqa: FBT001, FBT002
    fresh: bool = False,  # noqa: FBT001, FBT002
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Bring the simulated machines up, check them, and report what was proven.

    A machine that runs and whose config changed is changed, not made anew.

    Examples:
        invoke sim
        invoke sim --accel tcg --json
        invoke sim --hosts web,db
        invoke sim --warm
    """
    # Reason: a snapshot that ends with its container is of no use.
    flags = {"cold": cold, "warm": warm, "fresh": fresh, "keep": not _alone()}
    _prove(project(), _options(accel, os, deadline, hosts, **flags), as_json=json)
    show.next_step(_next())


def _prove(wanted: Project, options: Options, *, as_json: bool = False) -> None:
    """Bring machines up, check them and report."""
    from toolbox.lib.core.steps import step
    from toolbox.lib.simulation.prove import prove
    from toolbox.lib.simulation.up import up

    with up(wanted, options) as simulation:
        with step("Check"):
            proofs = prove(wanted, simulation)
        _report("sim", simulation, proofs, as_json=as_json)


@task(
    help={key: HELP[key] for key in ("accel", "os", "deadline", "hosts", "warm")},
)
def watch(
    _context: Context,
    accel: str = "auto",
    os: str = "",
    deadline: int = 600,
    hosts: str = "",
    warm: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Do what `sim` does at each save of a file of the project; Ctrl-C ends it.

    Examples:
        invoke sim.watch
        invoke sim.watch --hosts web
    """
    from toolbox.lib.simulation.watch import saves, snapshot

    root = folder()
    options = _options(accel, os, deadline, hosts, warm=warm)
    known = snapshot(root)
    _attempt(options)
    show.say("\nwaiting for a save; Ctrl-C ends this, the machines run on")
    for changed in saves(root, known):
        show.say(f"\nsaved: {_some(changed)}")
        _attempt(options)


def _attempt(options: Options) -> None:
    """Do what `sim` does; what a person may mend with the next save is said and no more."""
    from toolbox.lib.core.errors import HabitatError, ToolboxError

    try:
        _prove(project(), options)
    except HabitatError:
        raise
    except ToolboxError as error:
        show.error(error)


def _some(names: tuple[str, ...]) -> str:
    """Return names for a line; of many only the first."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


@task(help=HELP)
def up(  # noqa: PLR0913 - the options of a task
    _context: Context,
    accel: str = "auto",
    os: str = "",
    deadline: int = 600,
    hosts: str = "",
    cold: bool = False,  # noqa: FBT001, FBT002
    warm: bool = False,  # noqa: FBT001, FBT002
    fresh: bool = False,  # noqa: FBT001, FBT002
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Bring the simulated machines up, without checking them.

    Examples:
        invoke sim.up --hosts web
        invoke sim.up --warm
    """
    from toolbox.lib.simulation.up import up as bring_up

    options = _options(accel, os, deadline, hosts, cold=cold, warm=warm, fresh=fresh)
    with bring_up(project(), options) as simulation:
        _report("sim.up", simulation, (), as_json=json)
    show.next_step(_next())


@task(help={"json": HELP["json"]})
def preview(_context: Context, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Tell what `sim` would change; nothing is changed.

    Examples:
        invoke sim.preview
    """
    from toolbox.lib.simulation.preview import preview as look

    items = look(project())
    if json:
        show.emit("sim.preview", [asdict(item) for item in items])
        return
    show.table(("what", "change"), [(item.what, item.change) for item in items])


@task(name="list", help={"json": HELP["json"]})
def list_(_context: Context, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """List the machines: state, address, ports, acceleration.

    Examples:
        invoke sim.list
        invoke sim.list --json
    """
    from toolbox.lib.simulation.operate import standings

    items = standings(project())
    if json:
        show.emit("sim.list", [asdict(item) for item in items])
        return
    rows = [
        (i.host, i.state, i.address, _ports(i.ports), i.accelerator, i.config[:19]) for i in items
    ]
    show.table(("host", "state", "address", "ports", "acceleration", "config"), rows)


@task(help={"json": HELP["json"]})
def status(_context: Context, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Ask each running machine how it is.

    Examples:
        invoke sim.status
    """
    from toolbox.lib.simulation.operate import health

    items = health(project())
    if json:
        ok = all(item.healthy for item in items)
        show.emit("sim.status", [asdict(item) for item in items], ok=ok)
    else:
        rows = [(item.host, item.state, item.system, item.failed, item.uptime) for item in items]
        show.table(("host", "machine", "system", "failed units", "up since"), rows)
    if not all(item.healthy for item in items):
        show.fail("not every machine is well", hint="look at one: invoke sim.logs NAME")


@task(help={"name": NAME})
def ssh(context: Context, name: str = "") -> None:
    """Log in to a machine, or run a command on it.

    Examples:
        invoke sim.ssh web
        invoke sim.ssh web -- systemctl status
    """
    from toolbox.lib.core.run import attach
    from toolbox.lib.simulation.operate import reach

    wanted = project()
    name = _single(wanted, name)
    with reach(wanted, [name]) as (client, _names):
        show.end(attach(client.command(name, *show.rest(context))))


@task(help={"name": NAME})
def console(_context: Context, name: str = "") -> None:
    """Open the serial console of a machine; Ctrl-] leaves it.

    Examples:
        invoke sim.console web
    """
    from toolbox.lib.core.run import attach
    from toolbox.lib.machine.libvirt import connect
    from toolbox.lib.simulation import layout

    wanted = project()
    domain = layout.of(wanted).domain(_single(wanted, name))
    show.end(attach(["virsh", "-c", connect().uri, "console", domain]))


@task(help={"name": NAME, "lines": "how many of the last lines; all by default"})
def logs(_context: Context, name: str = "", lines: int = 0) -> None:
    """Print what a machine's serial console printed.

    Examples:
        invoke sim.logs web --lines 50
    """
    from toolbox.lib.machine.console import text_of
    from toolbox.lib.simulation import layout

    wanted = project()
    name = _single(wanted, name)
    console = layout.of(wanted).console(name)
    if not console.is_file():
        show.fail(
            f"{name} has printed nothing: it was never booted here", hint="invoke sim boots it"
        )
    text = text_of(console)
    show.data("\n".join(text.splitlines()[-lines:]))


@task(name="show", help={"json": HELP["json"], "secrets": "print secrets in clear"})
def show_(
    _context: Context,
    json: bool = False,  # noqa: FBT001, FBT002
    secrets: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Show the outputs of the stacks; secrets are masked.

    Examples:
        invoke sim.show --json
    """
    from toolbox.lib.simulation.operate import outputs

    items = outputs(project(), secrets=secrets)
    if json:
        show.emit("sim.show", [asdict(item) for item in items])
        return
    show.table(("stack", "output", "value"), [(i.stack, i.name, i.value) for i in items])


@task
def down(_context: Context) -> None:
    """Shut the machines down; `sim.up` starts them again.

    Examples:
        invoke sim.down
    """
    from toolbox.lib.simulation.operate import down as shut_down

    names = shut_down(project())
    show.say(f"shut down: {', '.join(names)}" if names else "no machine was running")
    show.next_step("invoke sim.up starts them again, invoke sim.clean removes them")


@task(name="stop", help={"all": "the machines of all projects here"})
def stop(_context: Context, all: bool = False) -> None:  # noqa: A002, FBT001, FBT002
    """Save the running machines to disk; `sim.up` resumes them where they were.

    Examples:
        invoke sim.stop
        invoke sim.stop --all
    """
    from toolbox.lib.simulation.operate import save

    names = save(None if all else folder())
    show.say(f"saved: {', '.join(names)}" if names else "no machine was running")


@task(help={"warm": "also the generic guests, which belong to no project"})
def clean(_context: Context, warm: bool = False) -> None:  # noqa: FBT001, FBT002
    """Remove all that belongs to this project's simulation, and nothing else.

    Examples:
        invoke sim.clean
        invoke sim.clean --warm
    """
    from toolbox.lib.simulation import generic
    from toolbox.lib.simulation.operate import clean as remove

    removed = (*remove(folder()), *(generic.remove() if warm else ()))
    for line in removed:
        show.say(f"removed {line}")
    if not removed:
        show.say("there was nothing to remove")


@task
def pulumi(context: Context) -> None:
    """Run a pulumi command on the simulation's workspace.

    Examples:
        invoke sim.pulumi -- stack ls
        invoke sim.pulumi -- stack export --stack sim-machines
    """
    from toolbox.lib.core.run import attach
    from toolbox.lib.simulation import layout

    workspace = layout.of(project()).workspace
    workspace.prepare()
    words = show.rest(context) or ["stack", "ls"]
    with workspace.told(words) as environment:
        code = attach(["pulumi", *words], cwd=workspace.folder, env=environment)
    show.end(code)


def _single(wanted: Project, name: str) -> str:
    """Return the named host, or the only one there is."""
    from toolbox.lib.core.errors import UsageError
    from toolbox.lib.inventory.choice import chosen

    if name:
        return chosen(wanted, [name])[0].name
    if len(wanted.hosts) != 1:
        names = ", ".join(host.name for host in wanted.hosts)
        message = "which machine is meant?"
        raise UsageError(message, hint=f"name one of {names}")
    return wanted.hosts[0].name


def _ports(ports: dict[int, int]) -> str:
    return ", ".join(f"127.0.0.1:{host} → {guest}" for guest, host in sorted(ports.items()))


def _address(simulation: Simulation, machine: Running) -> str:
    return str(simulation.network.addresses[machine.host.name])


def _row(simulation: Simulation, machine: Running) -> dict[str, Any]:
    return {
        "host": machine.host.name,
        "action": machine.action,
        "reason": machine.reason,
        "address": _address(simulation, machine),
        "ports": machine.ports,
        "config": machine.config,
        "boot_id": machine.boot_id,
        "changes": list(machine.changes),
        "phases": {str(item.phase): round(item.seconds, 1) for item in machine.phases},
    }


def _report(
    name: str,
    simulation: Simulation,
    proofs: tuple[Proof, ...],
    *,
    as_json: bool,
) -> None:
    """Print what there is and what was proven; fail when something was not."""
    failed = [proof for proof in proofs if not proof.ok]
    if as_json:
        items = [_row(simulation, machine) for machine in simulation.machines]
        for item in items:
            item["proofs"] = [asdict(p) for p in proofs if p.machine == item["host"]]
        show.emit(name, items, ok=not failed)
    else:
        _words(simulation, proofs)
    if simulation.unchanged:
        show.say("nothing changed: the machines are as the project wants them")
    if failed:
        text = "\n".join(f"{proof.machine}: {proof.title}\n{proof.message}" for proof in failed)
        show.fail(
            f"{len(failed)} of {len(proofs)} checks failed\n{text}",
            hint="the machine runs on for a look: invoke sim.ssh",
        )


def _next() -> str:
    """Say what to do next, which depends on how long the machines will be there."""
    if _alone():
        return "the machines end with this container; ./infra sim keeps them in one that stays"
    return "invoke sim.ssh logs in, sim.down shuts down, sim.clean removes everything"


def _alone() -> bool:
    """Tell whether we are the first process of a container, which ends with us."""
    import os

    return os.getpid() == 1


def _words(simulation: Simulation, proofs: tuple[Proof, ...]) -> None:
    show.table(
        ("host", "machine", "address", "ports"),
        [
            (m.host.name, m.action, _address(simulation, m), _ports(m.ports))
            for m in simulation.machines
        ],
    )
    if proofs:
        rows = [(p.machine, p.title, p.outcome, f"{p.seconds:.1f} s") for p in proofs]
        show.data("")
        show.table(("host", "proven", "result", "time"), rows)


ns = Collection("sim", sim, up, watch, preview, list_, status, ssh, console, logs)
further: Any
for further in (show_, down, stop, clean, pulumi):
    ns.add_task(further)
