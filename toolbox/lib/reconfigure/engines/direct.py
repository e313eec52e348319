"""The direct engine: a plan becomes a shell script, and a POSIX shell on the machine is enough."""

from __future__ import annotations

import posixpath
import shlex
import time
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.desire.state import FILE_MODE, FOLDER_MODE, LOCKED, Kind
from toolbox.lib.reconfigure.engines import confirm
from toolbox.lib.reconfigure.engines import job as jobs
from toolbox.lib.reconfigure.engines.contract import ChangeReport, Done
from toolbox.lib.reconfigure.history import pending
from toolbox.lib.reconfigure.history.record import FOLDER
from toolbox.lib.reconfigure.planning.plan import Change
from toolbox.lib.reconfigure.session.shell import SessionCut
from toolbox.lib.reconfigure.units.actions import BEFORE_FILES, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from toolbox.lib.reconfigure.engines.confirm import Connect
    from toolbox.lib.reconfigure.history.record import Keepsake, Record
    from toolbox.lib.reconfigure.planning.plan import GroupChange, NodeChange, Plan, UserChange
    from toolbox.lib.reconfigure.session.shell import Session
    from toolbox.lib.reconfigure.units.actions import UnitAction

LARGE = 262144
"""Bytes from which on it is asked whether a machine has them already."""

PATIENCE_SECONDS = 60
ENDED = "it ended before it was done; is its disk full?"


@dataclass(frozen=True, slots=True)
class Direct:
    """Carries out plans over a held shell.

    Attributes:
        session: The machine, or a folder that stands for one.
        before: What the machine remembers now; with it, bytes that are replaced are kept there, to
            come back to them.
        keepsakes: Bytes that coming back to what is planned needs; those that are not secret and
            stand nowhere by themselves are kept, too.
        connect: Opens a new connection; with it, a risky change is taken back unless that works.
        limit: Seconds that there are for that.
        patience: Seconds to wait for another change to end.
    """

    session: Session
    before: Record | None = None
    keepsakes: Sequence[Keepsake] = ()
    connect: Connect | None = None
    limit: int = confirm.LIMIT_SECONDS
    patience: int = PATIENCE_SECONDS
    name: str = field(default="direct", init=False)

    def apply(self, plan: Plan) -> ChangeReport:
        """Carry out a plan; what fails is told in the report.

        Raises:
            BusyError: Somebody else is changing the machine.
            SessionCut: The connection ended; what was begun goes on there.
            ToolboxError: It cannot be reached, or has changed since the plan was made.
        """
        job = write(plan, machine=not self.session.root, known=self._known(plan))
        return self.carry_out(plan, job)

    def carry_out(self, plan: Plan, job: jobs.Job, *, engine: str = "direct") -> ChangeReport:
        """Carry out a job that does what a plan says, with all that makes it safe.

        Args:
            plan: The plan.
            job: What is done.
            engine: Who wrote it.
        """
        began = time.monotonic()
        job.before = self.before
        remember(job, plan, self.before, self.keepsakes)
        armed = bool(plan.risky) and self.connect is not None
        if armed:
            confirm.arm(job, plan, machine=not self.session.root, limit=self.limit)
        outcome = self._outcome(plan, job, armed=armed)
        undone = ""
        if armed and self.connect is not None:
            undone = confirm.settle(
                job.key,
                self.session,
                self.connect,
                ended_well=outcome.code == 0,
                limit=self.limit,
            )
        done = outcome.done
        if outcome.code != 0 and all(item.ok for item in done):
            # Reason: what ended it was none of its parts, such as a disk that is full.
            done = (*done, Done(self.session.name, "change", ok=False, message=ENDED))
        stays = outcome.code == 0 and not undone and plan.record is not None
        generation = plan.record.generation if stays and plan.record else max(plan.base or 0, 0)
        return ChangeReport(engine, done, generation, undone, time.monotonic() - began)

    def _outcome(self, plan: Plan, job: jobs.Job, *, armed: bool) -> jobs.Outcome:
        try:
            return jobs.carry_out(self.session, plan, job, patience=self.patience)
        except SessionCut as error:
            if not armed:
                raise
            # Reason: that may be what the change does; a new connection tells whether it went well.
            cut = Done(self.session.name, "reconnect", message=error.message)
            return jobs.Outcome((cut,), 0, 0)

    def _known(self, plan: Plan) -> dict[str, str]:
        """Return where large contents are on the machine already, by their digests."""
        large = {
            node.contents.digest
            for node in plan.nodes
            if node.contents is not None and node.contents.size >= LARGE
        }
        leaving = {
            node.was.digest: node.path
            for node in plan.nodes
            if node.change is Change.REMOVED and node.was is not None and node.was.digest
        }
        known = {digest: path for digest, path in leaving.items() if digest in large}
        if large - set(known):
            tests = "".join(
                f'[ ! -f "$ROOT{FOLDER}/blobs/{digest}" ] || echo {digest}\n' for digest in large
            )
            for digest in self.session.run(tests).stdout.decode().split():
                known.setdefault(digest, f"{FOLDER}/blobs/{digest}")
        return known


def write(plan: Plan, *, machine: bool, known: Mapping[str, str] | None = None) -> jobs.Job:
    """Write down a plan as a job.

    Args:
        plan: What is done.
        machine: Whether it is a machine that runs; a folder has no units and runs no programs.
        known: Where contents are on the machine already, by their digests.
    """
    job = jobs.Job()
    if machine:
        _units(job, (action for action in plan.units if action.verb in BEFORE_FILES))
    _accounts(job, plan)
    for node in plan.nodes:
        _node(job, node, known or {})
    label(job, plan)
    if machine:
        for command in plan.commands:
            number = job.number(shlex.join(command), "run")
            words = (shlex.join((pending.RUNS, *command)), *command)
            job.lines.append(f"program {number} {shlex.join(words)}")
        rest = [action for action in plan.units if action.verb not in BEFORE_FILES]
        _units(job, (action for action in rest if action.verb is Verb.ENABLE))
        if plan.reload:
            job.do(job.number("systemd", "daemon-reload"), "systemctl", "daemon-reload")
        _units(job, (action for action in rest if action.verb is not Verb.ENABLE))
    return job


def remember(
    job: jobs.Job, plan: Plan, before: Record | None, keepsakes: Iterable[Keepsake]
) -> None:
    """Let a job keep the bytes that coming back needs, before it changes anything.

    Args:
        job: The job.
        plan: What it was made from.
        before: What the machine remembers.
        keepsakes: Bytes that coming back to what is planned needs.
    """
    number = job.number("what was there", "kept")
    lines, job.lines = job.lines, []
    placed = before.nodes if before else {}
    for node in plan.nodes:
        old = placed.get(node.path)
        if old is None or node.was is None or node.secret or old.secret or not old.digest:
            continue
        if node.contents is None and not node.restored and node.change is not Change.REMOVED:
            continue
        if node.was.digest == old.digest:
            job.do(number, "keep", node.path, old.digest)
    after = plan.record.nodes.values() if plan.record else ()
    standing = {item.digest for item in after if not item.appended}
    for keepsake in keepsakes:
        digest = keepsake.blob.digest
        if not keepsake.secret and digest not in standing:
            piece = job.bundle.add(keepsake.blob.reveal()).split()
            job.do(number, "keep_piece", *piece, digest)
    job.lines += lines


def _node(job: jobs.Job, node: NodeChange, known: Mapping[str, str]) -> None:
    number = job.number(node.path, node.change.value)
    job.places[posixpath.dirname(node.path)] = None
    clear = "clear" if node.clear else "-"
    if node.restored:
        job.do(number, "original", node.path, clear)
    elif node.change is Change.REMOVED:
        job.do(number, "gone_folder" if node.kind is Kind.DIRECTORY else "gone", node.path)
    else:
        function, *words = _made(job, node, clear, known)
        job.do(number, function, node.path, *words)


def _made(job: jobs.Job, node: NodeChange, clear: str, known: Mapping[str, str]) -> tuple[str, ...]:
    """Return the function that makes a node, and what it is given behind the path."""
    owner = f"{_owner(node.user)}:{_owner(node.group)}"
    if node.kind is Kind.LINK:
        return "link", owner, clear, node.target or ""
    if node.kind is Kind.HARD_LINK:
        return "hard", clear, node.target or ""
    folder = node.kind is Kind.DIRECTORY
    mode = f"{(FOLDER_MODE if folder else FILE_MODE) if node.mode is None else node.mode:o}"
    if folder:
        return "directory", mode, owner, clear
    if node.remote is not None:
        remote = node.remote
        return "fetched", mode, owner, clear, remote.url, remote.hash or "", remote.compression
    return _file(job, node, (mode, owner, clear), known)


def _file(
    job: jobs.Job, node: NodeChange, words: tuple[str, str, str], known: Mapping[str, str]
) -> tuple[str, ...]:
    if node.contents is None:
        there = node.was is not None and node.was.kind is Kind.FILE
        return ("dress", *words[:2]) if there else ("file", *words, *job.bundle.add(b"").split())
    source = known.get(node.contents.digest)
    if source is not None:
        return "copied", *words, source, node.contents.digest
    return "file", *words, *job.bundle.add(node.contents.reveal()).split()


def _owner(owner: str | int) -> str:
    return "0" if owner == "root" else str(owner)


def label(job: jobs.Job, plan: Plan) -> None:
    """Let what was written get the SELinux labels that its place has, where there are any."""
    gone = Change.REMOVED
    written = [node.path for node in plan.nodes if node.change is not gone or node.restored]
    if written:
        job.do(job.number("SELinux labels", "restored"), "labels", *written, must=False)


def _units(job: jobs.Job, actions: Iterable[UnitAction]) -> None:
    """Let units be touched, those with one verb at once."""
    for verb, group in groupby(actions, key=lambda action: action.verb):
        pairs: list[str] = []
        for action in group:
            pairs += [str(job.number(action.unit, verb.value)), action.unit]
        job.lines.append(f"units {verb.value} {shlex.join(pairs)}")


def _accounts(job: jobs.Job, plan: Plan) -> None:
    """Let users and groups change; those that go do so first, as their numbers may be wanted."""
    for item in plan.users:
        if _goes(item):
            number = job.number(f"user {item.user.name}", "removed")
            job.do(number, "user_gone", item.user.name)
    leaving = [item.group.name for item in plan.groups if _goes(item)]
    numbers = [job.number(f"group {name}", "removed") for name in leaving]
    for number, name in zip(numbers, leaving, strict=True):
        job.do(number, "group_gone", name, "first")
    for group in plan.groups:
        if not _goes(group):
            _group(job, group)
    for item in plan.users:
        if not _goes(item):
            _user(job, item)
    for number, name in zip(numbers, leaving, strict=True):
        # Reason: it may have been somebody's main group, who has another one only now.
        job.do(number, "group_gone", name, "last")


def _goes(item: UserChange | GroupChange) -> bool:
    return item.change is Change.REMOVED


def _group(job: jobs.Job, item: GroupChange) -> None:
    group, added = item.group, item.change is Change.ADDED
    number = job.number(f"group {group.name}", item.change.value)
    gid = ["--gid", str(group.gid)] if group.gid is not None else []
    new = [*gid, *(["--system"] if group.system else [])]
    changed = gid if added or "gid" in item.reasons else []
    job.do(number, "group", group.name, str(len(new)), *new, *changed)
    if group.password is not None and (added or "password" in item.reasons):
        line = f"{group.name}:{group.password.reveal() or LOCKED}\n"
        job.do(number, "password", "chgpasswd", *job.bundle.add(line.encode()).split())


def _user(job: jobs.Job, item: UserChange) -> None:
    user, added = item.user, item.change is Change.ADDED
    number = job.number(f"user {user.name}", item.change.value)
    fields = dict(_fields(item))
    new = [word for words in fields.values() for word in words if word != "--move-home"]
    new += ["--create-home" if user.create_home else "--no-create-home", "--password", LOCKED]
    new += ["--system"] if user.system else []
    new += [] if user.own_group else ["--no-user-group"]
    changed = [
        word for name, words in fields.items() if added or name in item.reasons for word in words
    ]
    if added or changed:
        job.do(number, "user", user.name, str(len(new)), *new, *changed)
    if user.password is not None and (added or "password" in item.reasons):
        line = f"{user.name}:{user.password.reveal() or LOCKED}\n"
        job.do(number, "password", "chpasswd", *job.bundle.add(line.encode()).split())
    if user.keys or "keys" in item.reasons:
        job.homes[user.name] = None
        if user.keys:
            text = "\n".join(user.keys) + "\n"
            job.do(number, "keys", user.name, *job.bundle.add(text.encode()).split())
        else:
            job.do(number, "keys_gone", user.name)


def _fields(item: UserChange) -> Iterator[tuple[str, list[str]]]:
    """Yield the words for useradd(8) and usermod(8) for each field that says something."""
    user = item.user
    if user.uid is not None:
        yield "uid", ["--uid", str(user.uid)]
    if user.gecos is not None:
        yield "gecos", ["--comment", user.gecos]
    if user.home is not None:
        yield "home", ["--home", user.home, "--move-home"]
    if user.shell is not None:
        yield "shell", ["--shell", user.shell]
    if user.primary_group is not None:
        yield "primary_group", ["--gid", user.primary_group]
    if user.groups is not None:
        yield "groups", ["--groups", ",".join(user.groups)]
