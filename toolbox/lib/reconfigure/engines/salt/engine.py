"""The engine salt: a plan becomes Salt states, which a Salt of ours carries out on the machine."""

from __future__ import annotations

import hashlib
import posixpath
import secrets
import shlex
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.reconfigure.engines import job as jobs
from toolbox.lib.reconfigure.engines.contract import ChangeReport
from toolbox.lib.reconfigure.engines.direct import label
from toolbox.lib.reconfigure.engines.salt import bundle, folders, minion, results, states
from toolbox.lib.reconfigure.engines.salt.sources import OURS, Sources
from toolbox.lib.reconfigure.engines.salt.states import Place
from toolbox.lib.reconfigure.session import lock, shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolbox.lib.reconfigure.engines.contract import Done
    from toolbox.lib.reconfigure.engines.direct import Direct
    from toolbox.lib.reconfigure.engines.salt.states import State
    from toolbox.lib.reconfigure.planning.plan import Plan

SCRIPT = Path(__file__).with_name("run.sh")
SAID = b"> "
"""How the line begins that holds what Salt said."""

SECONDS = 3600.0
LOOKING = 'if [ -e "$LOCK" ]; then exec 9<"$LOCK" && lock -s; fi'
CHANGING = 'mkdir -p "${LOCK%/*}" && exec 9>>"$LOCK" && lock -x'


@dataclass(frozen=True, slots=True)
class Salt:
    """Carries out plans by Salt, without a master.

    Attributes:
        direct: Holds the session; it makes a change safe, whoever carries it out. For a folder it
            is the Salt of this place that is run.
        sources: A person's own states, which run after those of the plan; not for a folder, as they
            know nothing of it.
    """

    direct: Direct
    sources: Sources = field(default_factory=Sources)
    name: str = field(default="salt", init=False)

    def apply(self, plan: Plan) -> ChangeReport:
        """Carry out a plan; what fails is told in the report.

        Raises:
            BusyError: Somebody else is changing the machine.
            SessionCut: The connection ended; what was begun goes on there.
            ToolboxError: It cannot be reached, or has changed since the plan was made; there is no
                Salt, or no room for it.
        """
        if plan.record is None:
            return self._alone(plan)
        job = jobs.Job()
        if self._has_work(plan):
            self._write(job, plan)
        return self.direct.carry_out(plan, job, engine=self.name)

    @property
    def always(self) -> bool:
        """Whether there is something to do even where a plan has nothing: states of one's own."""
        return bool(self._own.names)

    @property
    def _own(self) -> Sources:
        # Reason: they would change this place instead of the folder.
        return Sources() if self.direct.session.root else self.sources

    def _has_work(self, plan: Plan) -> bool:
        """Tell whether there is a state; Salt refuses to be run for nothing."""
        there = Place(systemd=not self.direct.session.root)
        return self.always or bool(states.translate(plan, there))

    def _alone(self, plan: Plan) -> ChangeReport:
        """Carry out a person's own states, on a machine that is as its config says."""
        began = time.monotonic()
        done = self._run(plan, test=False) if self.always else ()
        return ChangeReport(self.name, done, plan.base or 0, seconds=time.monotonic() - began)

    def _write(self, job: jobs.Job, plan: Plan) -> None:
        """Write down that Salt is run."""
        run = self._prepared(plan, f"job.{job.key}/salt")
        for node in plan.nodes:
            job.places[posixpath.dirname(node.path)] = None
        for user in plan.users:
            if user.user.keys or "keys" in user.reasons:
                job.homes[user.user.name] = None
        number = job.number(bundle.PROGRAM, "states")
        job.lines += [
            run.opening,
            f"piece {job.bundle.add(run.archive)} | salt_ready || exit {jobs.FAILED}",
            f"salt_apply {number} {run.names}",
        ]
        label(job, plan)
        job.reader = lambda output: _merged(output, job, plan, run)

    def preview(self, plan: Plan) -> tuple[Done, ...]:
        """Return what Salt says that it would do (``test=True``); nothing is changed.

        Raises:
            BusyError: Somebody else is changing the machine.
            SaltFailed: Salt did not get as far as the states.
            ToolboxError: The machine cannot be reached; there is no Salt, or no room for it.
        """
        return self._run(plan, test=True) if self._has_work(plan) else ()

    def _run(self, plan: Plan, *, test: bool) -> tuple[Done, ...]:
        """Run Salt without a word in the machine's record."""
        run = self._prepared(plan, f"salt.{secrets.token_hex(8)}", test=test)
        sent = hashlib.sha256(run.archive).hexdigest()
        text = (
            f"{shell.COMMON.read_text(encoding='utf-8')}{run.opening}"
            f"PATIENCE={self.direct.patience}\n"
            f"{LOOKING if test else CHANGING}\n"
            f"trap salt_gone EXIT\n"
            f'salt_ready <"$IN/{sent}" || exit {jobs.FAILED}\n'
            f"salt_said {run.names}{' test=True' if test else ''}\n"
        )
        name = self.direct.session.name
        reply = self.direct.session.run(text, files=[run.archive], deadline=SECONDS)
        if reply.exit_code == lock.BUSY:
            raise lock.busy(name, reply.stdout)
        if reply.exit_code != 0:
            message = f"{name}: Salt could not be started\n{reply.complaint}"
            raise ToolboxError(message)
        return results.read(
            _said(reply.stdout), _complaint(reply.stdout), run.states, results.hidden(plan)
        )

    def _prepared(self, plan: Plan, name: str, *, test: bool = False) -> _Run:
        place = self.direct.session
        program = bundle.start(place)
        memory = place.run('printf %s "$RUN"').stdout.decode() if place.root else shell.RUN
        folder = f"{memory}/{name}"
        blobs = f"{folder}/{minion.BLOBS}"
        told = states.translate(plan, replace(folders.place(place.root, blobs), dry=test))
        sources = self._own
        archive = minion.pack(
            folder,
            "folder" if place.root else place.name,
            states.document(told, failhard=not test),
            states.contents(plan),
            sources,
        )
        opening = (
            f'SALT={shlex.quote(folder)}\nsalt() {{\n    {program} "$@"\n}}\n'
            f"{SCRIPT.read_text(encoding='utf-8')}"
        )
        return _Run(told, archive, opening, shlex.quote(",".join((OURS, *sources.names))))


@dataclass(frozen=True, slots=True)
class _Run:
    """A run of Salt that is prepared.

    Attributes:
        states: The plan's.
        archive: Its folder, packed.
        opening: Shell that knows how to run it.
        names: Of the states that are run, for Salt.
    """

    states: tuple[State, ...]
    archive: bytes
    opening: str
    names: str


def _merged(output: bytes, job: jobs.Job, plan: Plan, run: _Run) -> Iterator[Done]:
    """Yield what was done: Salt's states in the place of the one that ran them."""
    for item in jobs.read(output, job.told):
        if item.what != bundle.PROGRAM:
            yield item
            continue
        try:
            yield from results.read(_said(output), item.message, run.states, results.hidden(plan))
        except results.SaltFailed as error:
            yield replace(item, ok=False, message=error.message)


def _said(output: bytes) -> bytes:
    """Return what Salt said: JSON, on a line that begins with `SAID`."""
    lines = [line for line in output.splitlines() if line.startswith(SAID)]
    return lines[-1].removeprefix(SAID) if lines else b""


def _complaint(output: bytes) -> str:
    lines = output.decode(errors="replace").splitlines()
    return "\n".join(line[2:] for line in lines if line.startswith("! "))
