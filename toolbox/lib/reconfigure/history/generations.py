"""What a machine was before: its generations, and the way back to one of them."""

from __future__ import annotations

import re
import secrets
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError, UsageError
from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.history import comeback
from toolbox.lib.reconfigure.history import record as records
from toolbox.lib.reconfigure.history.record import FOLDER
from toolbox.lib.reconfigure.session import sections
from toolbox.lib.reconfigure.session.shell import COMMON

if TYPE_CHECKING:
    from collections.abc import Collection

    from toolbox.lib.reconfigure.desire.state import DesiredState
    from toolbox.lib.reconfigure.history.record import Record
    from toolbox.lib.reconfigure.history.vault import Vault
    from toolbox.lib.reconfigure.session.sections import Sections
    from toolbox.lib.reconfigure.session.shell import Session

TELL = """\
tell() {
    [ ! -f "$2" ] || {
        printf '\\n== %s %s\\n' "$1" "$MARK"
        cat -- "$2"
    }
}
"""
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Generation:
    """What a machine was made to be once.

    Attributes:
        record: What was put there.
        current: Whether it is what was put there last.
    """

    record: Record
    current: bool

    @property
    def number(self) -> int:
        """Its number."""
        return self.record.generation


def of(session: Session) -> tuple[Generation, ...]:
    """Return the generations that a machine remembers, the oldest first; one round trip.

    Raises:
        RecordError: One of them cannot be read.
    """
    said = _told(
        session,
        'tell record "$STATE/record.json"\n'
        'for item in "$STATE"/generations/*.json; do tell "${item##*/}" "$item"; done\n',
    )
    known = {name: records.load(text) for name, text in said.items() if name != "end"}
    last = known.pop("record", None)
    every = {record.generation: record for record in known.values()}
    if last is not None:
        every[last.generation] = last
    current = last.generation if last else None
    return tuple(Generation(every[number], number == current) for number in sorted(every))


def state(session: Session, number: int, vault: Vault | None = None) -> DesiredState:
    """Return what a machine shall hold to be what it was; applied, it is a new generation.

    Args:
        session: The machine.
        number: The generation.
        vault: Where secrets are that the machine does not keep.

    Raises:
        UsageError: It remembers no such generation.
        RecordError: Something of that generation is nowhere any more.
    """
    known = {item.number: item for item in of(session)}
    if number not in known:
        numbers = ", ".join(str(each) for each in known) or "none"
        message = f"{session.name} remembers no generation {number}"
        raise UsageError(message, hint=f"it remembers these: {numbers}")
    current = next((item.record for item in known.values() if item.current), None)
    wanted = known[number].record
    blobs = _blobs(session, _digests(wanted), current)
    missing = _digests(wanted) - blobs.keys()
    found = {digest: vault.get(digest) for digest in missing} if vault else {}
    return comeback.desired(wanted, lambda digest: blobs.get(digest) or found.get(digest))


def digests(session: Session) -> frozenset[str]:
    """Return the hashes of all bytes that some generation of a machine names; one round trip."""
    return frozenset().union(*(_digests(item.record) for item in of(session)))


def _digests(record: Record) -> set[str]:
    """Return the hashes of all bytes that coming back to a record needs."""
    accounts = (*record.users.values(), *record.groups.values())
    named = {text.partition(" ")[0] for text in accounts}
    named |= {item.digest for item in record.nodes.values() if item.digest and not item.source}
    return {digest for digest in named if DIGEST.fullmatch(digest)}


def _blobs(session: Session, wanted: Collection[str], current: Record | None) -> dict[str, Blob]:
    """Fetch bytes from where they are kept, or where they still stand; one round trip."""
    standing = {
        item.digest: (path, item.appended)
        for path, item in (current.nodes.items() if current else ())
        if item.digest in wanted
    }
    calls = [
        f'tell {shlex.quote(f"standing {digest}")} "$ROOT"{shlex.quote(path)}\n'
        for digest, (path, _appended) in standing.items()
    ]
    calls += [f'tell {digest} "$ROOT{FOLDER}/blobs/{digest}"\n' for digest in sorted(wanted)]
    blobs = {}
    for name, data in _told(session, "".join(calls)).items():
        digest = name.removeprefix("standing ")
        appended = standing.get(digest, ("", 0))[1] if name != digest else 0
        blob = Blob(data[-appended:] if appended else data)
        # Reason: it may have been changed by hand, or damaged.
        if blob.digest == digest:
            blobs[digest] = blob
    return blobs


def _told(session: Session, calls: str) -> Sections:
    """Return files of a machine by the names that are given to them."""
    mark = secrets.token_hex(16)
    reply = session.run(
        f"{COMMON.read_text()}\nMARK={mark}\n{TELL}{calls}printf '\\n== end %s\\n' $MARK\n"
    )
    said = sections.read(reply.stdout, mark)
    if reply.exit_code or "end" not in said:
        message = f"{session.name} does not tell what it was: {reply.complaint}"
        raise ToolboxError(message, hint="once more")
    said.pop("end")
    return said
