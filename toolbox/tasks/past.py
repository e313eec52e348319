"""host, continued: what was changed by hand on machines, and the way back to what they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke.tasks import task

from toolbox.tasks import change, consent, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from invoke.context import Context

    from toolbox.lib.reconfigure.change import Prospect
    from toolbox.lib.reconfigure.history.generations import Generation
    from toolbox.lib.simulation.reach import Reached


@task(help={"hosts": change.NAMES, "json": show.JSON}, iterable=["hosts"])
def status(
    _context: Context,
    hosts: Sequence[str] | None = None,
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Tell what differs on machines from what was put there, as by hand; 1 when anything does.

    Examples:
        invoke host.status
        invoke host.status web --json
    """
    with change.prospects(hosts) as (_project, pairs, findings):
        items = [_status(machine, seen) for machine, seen in pairs]
    drifted = [item["host"] for item in items if item["drift"]]
    if json:
        show.emit("host.status", items, findings=findings, ok=not drifted)
    else:
        rows = [
            (
                item["host"],
                item["machine"],
                item["generation"],
                "yes" if item["current"] else "no",
                len(item["drift"]) or "none",
            )
            for item in items
        ]
        show.table(("host", "machine", "generation", "as the project says", "differences"), rows)
        for item in items:
            for one in item["drift"]:
                show.data(f"{item['host']}: {one['what']}  {', '.join(one['reasons'])}")
    show.findings(findings)
    if drifted:
        named = " ".join(drifted)
        hint = f"{show.program()} host.apply {named} mends it, host.adopt prints it as Butane"
        show.fail(f"{', '.join(drifted)}: not as it was left", hint=hint)


def _status(machine: Reached, seen: Prospect) -> dict[str, Any]:
    from toolbox.lib.reconfigure.look import drift

    known = seen.survey.record
    # Reason: each `sim` keeps what a machine is told of its place up to date, beside any record.
    place = {file.path for file in machine.target.place} - {node.path for node in seen.plan.nodes}
    return {
        "host": machine.name,
        "machine": machine.target.words,
        "generation": known.generation if known else None,
        "applied": known.time if known else "",
        "who": known.who if known else "",
        "current": known is not None and known.config == seen.desired.config,
        "pending": list(seen.survey.pending),
        "drift": [
            {"what": item.what, "reasons": list(item.reasons), "secret": item.secret}
            for item in drift.of(seen.survey)
            if item.what not in place
        ],
    }


@task(help={"hosts": "host; the only one by default", "json": show.JSON}, iterable=["hosts"])
def adopt(
    _context: Context,
    hosts: Sequence[str] | None = None,
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Print the Butane that would make the project agree with a machine; secrets are left out.

    Examples:
        invoke host.adopt web
        invoke host.adopt web > hosts/web/90-adopted.bu
    """
    from toolbox.lib.reconfigure.telling import adoption

    change.single(hosts)
    with change.prospects(hosts) as (_project, pairs, _findings):
        ((machine, seen),) = pairs
        text = adoption.snippet(seen.plan, seen.survey)
    if json:
        show.emit("host.adopt", [{"host": machine.name, "butane": text}])
    elif text:
        show.data_bytes(text.encode())
    if text:
        show.next_step(f"look through it and put it among the Butane files of {machine.name}")
    else:
        show.say(f"{machine.name} is as the project says: there is nothing to adopt")


@task(help={"hosts": change.NAMES, "json": show.JSON}, iterable=["hosts"])
def history(
    _context: Context,
    hosts: Sequence[str] | None = None,
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """List what machines were made to be: the generations that they remember.

    Examples:
        invoke host.history
        invoke host.history web --json
    """
    from toolbox.lib.simulation import reconfigure

    with change.reached(hosts) as (_project, machines):
        every = reconfigure.histories(machines)
    items = [
        _generation(machine, one)
        for machine, generations in zip(machines, every, strict=True)
        for one in generations
    ]
    if json:
        show.emit("host.history", items)
    else:
        rows = [
            (
                item["host"],
                f"{item['generation']}{' now' if item['current'] else ''}",
                item["time"] or "first boot",
                item["who"],
                item["engine"],
                item["config"].removeprefix("sha256-")[:12],
            )
            for item in items
        ]
        show.table(("host", "generation", "applied", "by", "engine", "config"), rows)
    if not items:
        show.say("none of them remembers anything: it was made by an earlier release, or elsewhere")


def _generation(machine: Reached, one: Generation) -> dict[str, Any]:
    return {
        "host": machine.name,
        "generation": one.number,
        "current": one.current,
        "time": one.record.time,
        "who": one.record.who,
        "engine": one.record.engine,
        "config": one.record.config,
        "paths": len(one.record.nodes),
    }


@task(
    help={
        "hosts": "host; the only one by default",
        "to": "generation; the one before the present one by default",
        "yes": consent.YES,
        "engine": change.ENGINE,
        "json": show.JSON,
    },
    iterable=["hosts"],
)
def rollback(
    _context: Context,
    hosts: Sequence[str] | None = None,
    to: int = -1,
    yes: bool = False,  # noqa: FBT001, FBT002
    engine: str = "direct",
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Bring a machine back to what it was; that is a generation of its own.

    Examples:
        invoke host.rollback web
        invoke host.rollback web --to 3
        invoke host.rollback 3
    """
    from toolbox.lib.core.steps import step
    from toolbox.lib.reconfigure.engines.contract import known
    from toolbox.lib.reconfigure.telling import words
    from toolbox.lib.simulation import reconfigure

    engine = known(engine)
    name, to = _numbered(hosts or (), to)
    change.single(name)
    with change.reached(name) as (project, machines):
        (machine,) = machines
        change.agreed(machines, yes=yes)
        number = to if to >= 0 else _before(machine)
        with step(f"Bring {machine.name} back to generation {number}"):
            back = reconfigure.roll_back(project, machine, number, engine)
    report = back.report
    if json:
        item = change.row(machine, back.prospect, None if back.prospect.nothing else report)
        show.emit("host.rollback", [item | {"to": number}])
    else:
        for line in words.lines(back.prospect.plan, diffs=False) or ["nothing to do"]:
            show.data(line)
    show.say(
        f"{machine.name} is what it was as generation {number}: now generation {report.generation}"
    )
    show.next_step("mend the project as well: the next host.apply brings back what it says")


def _numbered(names: Sequence[str], to: int) -> tuple[list[str], int]:
    """Take a number among the names for the generation, unless a host is called so."""
    from toolbox.tasks import sim

    known = {host.name for host in sim.project().hosts}
    numbers = [word for word in names if word.isdecimal() and word not in known]
    if to < 0 and len(numbers) == 1:
        return [word for word in names if word not in numbers], int(numbers[0])
    return list(names), to


def _before(machine: Reached) -> int:
    """Return the number of the generation before the present one."""
    from toolbox.lib.core.errors import UsageError
    from toolbox.lib.simulation import reconfigure

    (generations,) = reconfigure.histories([machine])
    earlier = [one.number for one in generations if not one.current]
    if not earlier:
        message = f"{machine.name} remembers nothing that it was before"
        raise UsageError(message, hint=f"{show.program()} host.history lists what it remembers")
    return max(earlier)
