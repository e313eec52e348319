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
from toolbox.lib.reconfigure import direct, session
from toolbox.lib.reconfigure import job as jobs
from toolbox.lib.reconfigure.engine import ChangeReport, Done
from toolbox.lib.reconfigure.salt import bundle, folders, minion, results, states
from toolbox.lib.reconfigure.salt.sources import OURS, Sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolbox.lib.reconfigure.plan import Plan
    from toolbox.lib.reconfigure.record import Keepsake, Record
    from toolbox.lib.reconfigure.salt.states import State
    from toolbox.lib.reconfigure.session import Session

SCRIPT = Path(__file__).with_name("run.sh")
SAID = b"> "
"""How the line begins that holds what Salt said."""

SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Salt:
    """Carries out plans by Salt, without a master.

    Attributes:
        session: The machine, or a folder that stands for one: there it is the Salt of this place.
        before: What the machine remembers now; with it, bytes that are replaced are kept there, to
            come back to them.
        keepsakes: Bytes that coming back to what is planned needs.
        sources: A person's own states, which run after those of the plan.
        patience: Seconds to wait for another change to end.
    """

    session: Session
    before: Record | None = None
    keepsakes: Sequence[Keepsake] = ()
    sources: Sources = field(default_factory=Sources)
    patience: int = direct.PATIENCE_SECONDS
    name: str = field(default="salt", init=False)

    def apply(self, plan: Plan) -> ChangeReport:
        """Carry out a plan; what fails is told in the report.

        Raises:
            BusyError: Somebody else is changing the machine.
            SaltFailed: Salt did not get as far as the states.
            ToolboxError: It cannot be reached, or has changed since the plan was made; there is no
                Salt, or no room for it.
        """
        began = time.monotonic()
        run = _Run.of(self.session, plan, self.sources, "salt")
        job = jobs.Job()
        direct.remember(job, plan, self.before, self.keepsakes)
        self._write(job, plan, run)
        outcome = jobs.carry_out(self.session, plan, job, patience=self.patience)
        done = _merged(outcome, plan, run.states)
        generation = plan.record.generation if plan.record and outcome.code == 0 else plan.base
        return ChangeReport(self.name, done, generation or 0, seconds=time.monotonic() - began)

    def _write(self, job: jobs.Job, plan: Plan, run: _Run) -> None:
        """Write down that Salt is run, and what is to be cleaned when it could not end."""
        for node in plan.nodes:
            job.places[posixpath.dirname(node.path)] = None
        for user in plan.users:
            job.homes[user.user.name] = None
        piece = job.bundle.add(run.archive)
        job.lines += [run.opening, f"piece {piece} | salt_ready || exit {jobs.FAILED}"]
        job.lines.append(f"salt_apply {job.number(bundle.PROGRAM, 'states')} {run.names}")
        job.cleaning += [run.opening, "salt_gone"]
        direct.label(job, plan)

    def preview(self, plan: Plan) -> tuple[Done, ...]:
        """Return what Salt says that it would do (``test=True``); nothing is changed.

        Raises:
            SaltFailed: Salt did not get as far as the states.
            ToolboxError: The machine cannot be reached; there is no Salt, or no room for it.
        """
        run = _Run.of(self.session, plan, self.sources, f"salt.{secrets.token_hex(8)}", test=True)
        sent = hashlib.sha256(run.archive).hexdigest()
        text = (
            f"{run.opening}\ntrap salt_gone EXIT\n"
            f'salt_ready <"$IN/{sent}" || exit {jobs.FAILED}\n'
            f"salt_said {run.names} test=True\n"
        )
        reply = self.session.run(text, files=[run.archive], deadline=SECONDS)
        if reply.exit_code != 0:
            message = f"{self.session.name}: Salt could not be started\n{reply.complaint}"
            raise ToolboxError(message)
        said = _said(reply.stdout)
        return results.read(said, _complaint(reply.stdout), run.states, results.hidden(plan))


@dataclass(frozen=True, slots=True)
class _Run:
    """A run of Salt that is prepared.

    Attributes:
        states: The plan's.
        archive: Its folder, packed.
        opening: Shell that knows how to run it.
        names: Of the states that are run, for Salt.
        left_out: What is not run, to be told.
    """

    states: tuple[State, ...]
    archive: bytes
    opening: str
    names: str
    left_out: tuple[Done, ...] = ()

    @classmethod
    def of(
        cls, place: Session, plan: Plan, sources: Sources, name: str, *, test: bool = False
    ) -> _Run:
        program = bundle.start(place)
        run = place.run('printf %s "$RUN"').stdout.decode() if place.root else session.RUN
        folder = f"{run}/{name}"
        blobs = f"{folder}/{minion.BLOBS}"
        told = states.translate(plan, replace(folders.place(place.root, blobs), dry=test))
        document = states.document(told, failhard=not test)
        host = place.name if not place.root else "folder"
        archive = minion.pack(folder, host, document, states.contents(plan), sources)
        opening = (
            f'SALT={shlex.quote(folder)}\nsalt() {{\n    {program} "$@"\n}}\n'
            f"{SCRIPT.read_text(encoding='utf-8')}"
        )
        return cls(told, archive, opening, shlex.quote(",".join((OURS, *sources.names))))


def _merged(outcome: jobs.Outcome, plan: Plan, told: Sequence[State]) -> tuple[Done, ...]:
    """Return what was done: Salt's states in the place of the one that ran them."""
    done: list[Done] = []
    for item in outcome.done:
        if item.what != bundle.PROGRAM:
            done.append(item)
            continue
        said = _said(outcome.output)
        done += results.read(said, item.message, told, results.hidden(plan))
    return tuple(done)


def _said(output: bytes) -> bytes:
    lines = [line for line in output.splitlines() if line.startswith(SAID)]
    return lines[-1].removeprefix(SAID) if lines else b""


def _complaint(output: bytes) -> str:
    lines = output.decode(errors="replace").splitlines()
    return "\n".join(line[2:] for line in lines if line.startswith("! "))
