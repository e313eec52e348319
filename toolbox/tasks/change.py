"""host, continued: what changes on the machines of hosts, and changing them.

Nothing here starts Pulumi or a hypervisor, so that a change of one file takes seconds.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from invoke.tasks import task

from toolbox.tasks import consent, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from invoke.context import Context

    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.reconfigure.change import Prospect
    from toolbox.lib.reconfigure.engines.contract import ChangeReport, Done
    from toolbox.lib.simulation.reach import Reached

NAMES = "hosts, one or more; all that have a machine by default"
ENGINE = "direct (a shell on the machine is enough) or salt"
DIFFERENT = 2
"""Exit code of ``host.plan --detailed-exitcode`` for a machine that would be changed."""


@task(
    help={
        "hosts": NAMES,
        "engine": "direct; salt asks Salt on the machine as well (test=True)",
        "detailed-exitcode": "end with 2 when something would be changed, with 1 for any failure",
        "json": show.JSON,
    },
    iterable=["hosts"],
)
def plan(
    _context: Context,
    hosts: Sequence[str] | None = None,
    engine: str = "direct",
    detailed_exitcode: bool = False,  # noqa: FBT001, FBT002
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Tell what would change on the machines of hosts; nothing is changed.

    Examples:
        invoke host.plan
        invoke host.plan web db --json
        invoke host.plan --detailed-exitcode
        invoke host.plan --engine salt
    """
    from toolbox.lib.core.errors import ToolboxError

    try:
        some = _planned(hosts, engine, as_json=json)
    except ToolboxError as error:
        if not detailed_exitcode:
            raise
        # Reason: 2 says that something would be changed, so nothing else may.
        raise ToolboxError(error.message, hint=error.hint, findings=error.findings) from error
    if some and detailed_exitcode:
        show.end(DIFFERENT)


def _planned(name: Sequence[str] | None, engine: str, *, as_json: bool) -> bool:
    """Show what would change; tell whether anything would."""
    from toolbox.lib.reconfigure.engines.contract import SALT, known

    engine = known(engine)
    with prospects(name, engine) as (_project, pairs, findings):
        from toolbox.lib.simulation import reconfigure

        ok = not any(seen.plan.errors for _machine, seen in pairs)
        asked = reconfigure.previews(pairs) if ok and engine == SALT else [()] * len(pairs)
        told = [(*pair, said) for pair, said in zip(pairs, asked, strict=True)]
        if as_json:
            show.emit("host.plan", [_item(*one) for one in told], findings=findings, ok=ok)
        else:
            for one in told:
                _show(*one)
        changing = [machine.name for machine, seen in pairs if not seen.nothing]
        refused = [item for _machine, seen in pairs for item in seen.plan.errors]
    show.findings(findings)
    if refused:
        show.findings(refused)
        show.fail("not everything can be brought to a machine that runs")
    if changing:
        show.next_step(f"{show.program()} host.apply {' '.join(changing)}")
    else:
        show.say("nothing to do: the machines are as the project wants them")
    return bool(changing)


@contextmanager
def prospects(
    name: Sequence[str] | None, engine: str = "direct"
) -> Iterator[tuple[Project, list[tuple[Reached, Prospect]], tuple[Finding, ...]]]:
    """Yield the project, machines with what has to be done to each, and what is to say.

    Args:
        name: Names of hosts as they were given.
        engine: Name of the engine that would do it.
    """
    with reached(name) as (project, machines):
        # Reason: there is much to import, and meanwhile the machines let us in.
        from toolbox.lib.simulation import reconfigure

        found = reconfigure.rendered(project, machines)
        seen = reconfigure.prospects(machines, found.configs, engine)
        yield project, list(zip(machines, seen, strict=True)), found.findings


@contextmanager
def reached(name: Sequence[str] | None) -> Iterator[tuple[Project, tuple[Reached, ...]]]:
    """Yield the project and the machines of its hosts.

    Args:
        name: Names of hosts as they were given.
    """
    from toolbox.lib.simulation import reach

    project, hosts, named = _hosts(name)
    with reach.reached(project, hosts, named=named) as machines:
        yield project, machines


def _hosts(name: Sequence[str] | None) -> tuple[Project, tuple[Host, ...], bool]:
    from toolbox.lib.inventory.choice import chosen, parted
    from toolbox.tasks import sim

    project = sim.project()
    names = parted(name or ())
    return project, chosen(project, names), bool(names)


def _item(machine: Reached, seen: Prospect, said: Sequence[Done]) -> dict[str, object]:
    from dataclasses import asdict

    from toolbox.lib.reconfigure.telling import words

    return {
        "host": machine.name,
        "machine": machine.target.words,
        "nothing": seen.nothing,
        **words.as_json(seen.plan),
        "salt": [asdict(item) for item in said],
    }


def _show(machine: Reached, seen: Prospect, said: Sequence[Done]) -> None:
    from toolbox.lib.reconfigure.telling import words

    lines = words.lines(seen.plan)
    show.data(f"{machine.name} ({machine.target.words})")
    for line in lines or ["nothing to do" if seen.nothing else "only its record"]:
        show.data(f"  {line}" if line else "")
    for item in said:
        told = [f"{item.what}: {item.action}", *item.message.splitlines()[:1]]
        show.data(f"  salt: {', '.join(told)}")


@task(
    help={
        "hosts": NAMES,
        "engine": ENGINE,
        "root": "apply into this folder instead, which stands for the machine of one host",
        "yes": consent.YES,
        "check": "command on the machine that must succeed, or else all is taken back",
        "json": show.JSON,
    },
    iterable=["hosts"],
)
def apply(  # noqa: PLR0913 - the options of a task
    _context: Context,
    hosts: Sequence[str] | None = None,
    engine: str = "direct",
    root: str = "",
    yes: bool = False,  # noqa: FBT001, FBT002
    check: str = "",
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Bring the machines of hosts to what the project says, without a boot.

    Examples:
        invoke host.apply
        invoke host.apply web --check "curl -fs http://localhost/"
        invoke host.apply web --engine salt
        invoke host.apply web --root /tmp/web
    """
    from toolbox.lib.reconfigure.engines.contract import SALT, known

    engine = known(engine)
    if root:
        _into_folder(hosts, engine, root, as_json=json)
        return
    with prospects(hosts, engine) as (project, pairs, findings):
        # Reason: what states of one's own would do, nobody but Salt can tell.
        own = engine == SALT
        changing = [
            (machine, seen)
            for machine, seen in pairs
            if not seen.nothing or (own and machine.has_states)
        ]
        for machine, seen in changing:
            _tell(machine, seen)
        agreed([machine for machine, _ in changing], yes=yes)
        reports = _carry_out(project, changing, engine, check)
        told = dict(zip([machine.name for machine, _ in changing], reports, strict=True))
        rows = [row(machine, seen, told.get(machine.name)) for machine, seen in pairs]
    if json:
        show.emit("host.apply", rows, findings=findings)
    show.findings(findings)
    for item in rows if not json else ():
        show.data(f"{item['host']} ({item['machine']}): {_sentence(item)}")
    if changing:
        show.next_step(
            f"{show.program()} host.history tells what was applied, host.rollback undoes it"
        )


def _tell(machine: Reached, seen: Prospect) -> None:
    from toolbox.lib.core.steps import note
    from toolbox.lib.reconfigure.telling import words

    for line in words.lines(seen.plan):
        note(f"{machine.name}: {line}" if line else "")


def agreed(machines: Sequence[Reached], *, yes: bool) -> None:
    """Ask whether real machines may be changed; simulated ones are for trying things.

    Args:
        machines: The machines.
        yes: Whether that was said beforehand.

    Raises:
        HabitatError: There is nobody to ask.
        ToolboxError: The answer is no.
    """
    real = [f"{m.name} ({m.target.words})" for m in machines if not m.target.simulated]
    if not real or consent.given(yes=yes):
        return
    question = f"Change {', '.join(real)}? [Y/n] "
    hint = "the same with --yes does it"
    if not consent.asked(question, whether="real machines may be changed", hint=hint):
        show.fail("nothing was changed")


def _carry_out(
    project: Project, pairs: Sequence[tuple[Reached, Prospect]], engine: str, check: str
) -> tuple[ChangeReport, ...]:
    from toolbox.lib.core.steps import step
    from toolbox.lib.simulation import reconfigure

    if not pairs:
        return ()
    with step(f"Change {', '.join(machine.name for machine, _ in pairs)}"):
        return reconfigure.apply(project, pairs, engine, check)


def row(machine: Reached, seen: Prospect, report: ChangeReport | None) -> dict[str, Any]:
    """Return what became of a machine, as data.

    Args:
        machine: The machine.
        seen: What had to be done.
        report: What was done; None for nothing.
    """
    from dataclasses import asdict

    return {
        "host": machine.name,
        "machine": machine.target.words,
        "action": "changed" if report else "unchanged",
        "engine": report.engine if report else "",
        "generation": report.generation if report else seen.generation,
        "done": [asdict(item) for item in report.done] if report else [],
        "seconds": round(report.seconds, 2) if report else 0.0,
    }


def _sentence(item: dict[str, Any]) -> str:
    if item["action"] == "unchanged":
        return f"nothing to do, generation {item['generation']}"
    count = len(item["done"])
    things = f"{count} thing{'s' if count != 1 else ''}"
    how = f"by {item['engine']} in {item['seconds']:.1f} s"
    return f"{things} done {how}, generation {item['generation']}"


def single(name: Sequence[str] | None) -> Host:
    """Return the one host that is meant.

    Args:
        name: Names of hosts as they were given.

    Raises:
        UsageError: There are several.
    """
    from toolbox.lib.core.errors import UsageError

    _project, hosts, _ = _hosts(name)
    if len(hosts) != 1:
        message = "one host at a time: which one is meant?"
        hint = f"name one of {', '.join(host.name for host in hosts)}"
        raise UsageError(message, hint=hint)
    return hosts[0]


def _into_folder(name: Sequence[str] | None, engine: str, root: str, *, as_json: bool) -> None:
    """Apply the config of one host into a folder."""
    from pathlib import Path

    from toolbox.lib.butane import pipeline
    from toolbox.lib.reconfigure import change
    from toolbox.lib.reconfigure.desire.ignition import derive
    from toolbox.lib.simulation import keys

    host = single(name)
    project, _, _ = _hosts(name)
    outcomes = pipeline.every(project, [host], keys.held(project))
    (config,) = pipeline.accepted(outcomes).values()
    seen, report = change.into(Path(root), derive(config), engine)
    tell_folder("host.apply", seen, report, pipeline.findings(outcomes), as_json=as_json)


def tell_folder(
    name: str,
    seen: Prospect,
    report: ChangeReport,
    findings: Sequence[Finding],
    *,
    as_json: bool,
) -> None:
    """Print what was done to a folder that stands for a machine.

    Args:
        name: Name of the task.
        seen: What had to be done.
        report: What was done.
        findings: What is to say about what a person wrote.
        as_json: Whether it is printed as JSON.
    """
    from dataclasses import asdict

    from toolbox.lib.reconfigure.telling import words

    if as_json:
        item = {
            "root": seen.name,
            "engine": report.engine,
            "generation": report.generation,
            "done": [asdict(done) for done in report.done],
            **words.as_json(seen.plan),
        }
        show.emit(name, [item], findings=findings)
    else:
        for line in words.lines(seen.plan) or ["nothing to do"]:
            show.data(line)
    show.findings(findings)
    show.say(f"{seen.name}: generation {report.generation}, by {report.engine}")
