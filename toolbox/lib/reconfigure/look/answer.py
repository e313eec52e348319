"""Reading what `look.sh` says; it comes from a machine, so nothing of it is taken for granted."""

from __future__ import annotations

import hashlib
import re
import stat
from itertools import islice
from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.desire.state import Kind
from toolbox.lib.reconfigure.history import intent
from toolbox.lib.reconfigure.history import record as records
from toolbox.lib.reconfigure.look.survey import ORIGINALS, Account, Found, Survey, UnitFacts
from toolbox.lib.reconfigure.session import sections

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from toolbox.lib.reconfigure.history.record import Record
    from toolbox.lib.reconfigure.session.sections import Sections

KINDS = {
    "f": Kind.FILE,
    "u": Kind.FILE,
    "d": Kind.DIRECTORY,
    "l": Kind.LINK,
    "o": None,
}
STAT_WORDS, PASSWD_FIELDS, GROUP_FIELDS = 5, 7, 4
PASSWD, GROUP = ("etc/passwd", "usr/lib/passwd"), ("etc/group", "usr/lib/group")
"""Files of accounts; the second are those of the image (nss-altfiles)."""

DIGEST = re.compile(r"[0-9a-f]{64}")


def read(
    output: bytes, mark: str, asked: Mapping[str, str], units: Sequence[str] = ()
) -> Survey | None:
    """Return what a machine said; None where that makes no sense.

    Args:
        output: What it said.
        mark: What its sections are told by.
        asked: The paths that it was asked for.
        units: The units that it was asked for, in this order; patterns are behind them.

    Raises:
        RecordError: Its record cannot be read.
    """
    said = sections.read(output, mark)
    if "end" not in said:
        return None
    try:
        nodes = _nodes(said, asked)
        accounts = _accounts(said)
        groups = {line[0]: int(line[2]) for line in _table(said, GROUP, GROUP_FIELDS)}
    except ValueError:
        return None
    facts = _text(said, "facts").split()
    known = {*asked, *_lines(said, "extra")}
    images = set(_lines(said, "originals"))
    return Survey(
        nodes={path: found for path, found in nodes.items() if path in known},
        originals={
            path.removeprefix(ORIGINALS): found for path, found in nodes.items() if path in images
        },
        units=_units(_text(said, "units"), units),
        accounts=accounts,
        groups=groups,
        record=_record(said, nodes),
        pending=tuple(_lines(said, "pending")),
        # Reason: what was begun and not ended is not what the hash says.
        config="" if "intent" in said else _text(said, "config").strip(),
        boot_id=facts[facts.index("boot") + 1] if "boot" in facts[:-1] else "",
        systemd="systemd" in facts,
        ostree="ostree" in facts,
        selinux="selinux" in facts,
    )


def _nodes(said: Sections, asked: Mapping[str, str]) -> dict[str, Found]:
    """Return what stands at each path, the image's own versions among them.

    Raises:
        ValueError: The parts of the answer do not fit each other.
    """
    paths = [*asked, *_lines(said, "extra"), *_lines(said, "originals")]
    kinds = _text(said, "kinds").strip()
    there = [
        (path, kind, number)
        for number, (path, kind) in enumerate(zip(paths, kinds, strict=True))
        if kind != "-"
    ]
    facts, sums = _lines(said, "stat"), _lines(said, "sums")
    targets = said.get("links", b"").split(b"\0")[:-1]
    counts = [kind for _path, kind, _number in there]
    if (len(facts), len(sums), len(targets)) != (len(there), counts.count("f"), counts.count("l")):
        message = "something changed while it was looked at"
        raise ValueError(message)
    hashes, links = iter(sums), iter(targets)
    contents = _contents(said, there, facts)
    found = {}
    for (path, kind, number), line in zip(there, facts, strict=True):
        digest = next(hashes).removeprefix("\\").partition(" ")[0] if kind == "f" else None
        target = next(links).decode(errors="surrogateescape") if kind == "l" else None
        found[path] = _found(kind, line, digest, target, contents.get(number))
    return found


def _found(
    kind: str, line: str, digest: str | None, target: str | None, data: bytes | None
) -> Found:
    mode, uid, gid, inode, _size = _stat(line)
    if digest is not None and not DIGEST.fullmatch(digest):
        message = f"{digest} is no digest"
        raise ValueError(message)
    # Reason: what changed between hashing and reading would be taken for something else.
    sound = data is not None and hashlib.sha256(data).hexdigest() == digest
    return Found(
        KINDS[kind],
        mode,
        uid,
        gid,
        inode,
        digest,
        target,
        Blob(data) if sound and data is not None else None,
    )


def _stat(line: str) -> tuple[int, int, int, str, int]:
    words = line.split(" ")
    if len(words) != STAT_WORDS:
        message = f"{line} is not what stat(1) says"
        raise ValueError(message)
    mode, uid, gid, inode, size = words
    return stat.S_IMODE(int(mode, 16)), int(uid), int(gid), inode, int(size)


def _contents(
    said: Sections, there: Sequence[tuple[str, str, int]], facts: Sequence[str]
) -> dict[int, bytes]:
    """Return the contents that were told, by the numbers of their paths."""
    sizes = {number: _stat(line)[-1] for (_p, _k, number), line in zip(there, facts, strict=True)}
    data, contents, begin = said.get("contents", b""), {}, 0
    for number in map(int, _text(said, "chosen").split()):
        size = sizes.get(number, 0)
        contents[number] = data[begin : begin + size]
        begin += size
    return contents


def _accounts(said: Sections) -> dict[str, Account]:
    shadow = {line[0]: line[1] for line in _table(said, ("shadow",), 2)}
    members: dict[str, list[str]] = {}
    for name, _password, _gid, users in _table(said, GROUP, GROUP_FIELDS):
        for user in users.split(","):
            members.setdefault(user, []).append(name)
    accounts = {}
    for name, _password, uid, gid, gecos, home, shell in _table(said, PASSWD, PASSWD_FIELDS):
        password = shadow.get(name)
        keys = said.get(f"keys {name}")
        accounts[name] = Account(
            name,
            int(uid),
            int(gid),
            gecos,
            home,
            shell,
            groups=tuple(members.get(name, ())),
            password="" if password is None else hashlib.sha256(password.encode()).hexdigest(),
            keys=None if keys is None else tuple(keys.decode(errors="replace").splitlines()),
        )
    return accounts


def _table(said: Sections, names: Sequence[str], least: int) -> Iterator[list[str]]:
    """Yield the fields of lines such as those of passwd(5), the decisive ones last.

    Args:
        said: What was said.
        names: Files that hold them; of two with one name, the first holds the decisive one.
        least: Fields that a line has at least; of more, the first ones are told.
    """
    for name in reversed(names):
        for line in _lines(said, name):
            words = line.split(":")
            if len(words) >= least:
                yield words[:least]


def _record(said: Sections, nodes: Mapping[str, Found]) -> Record | None:
    known = records.load(said["record"]) if "record" in said else None
    if "intent" not in said:
        return known
    try:
        begun = intent.load(said["intent"])
    except records.RecordError:
        # Reason: after a power cut it may be empty; then nothing else had been done.
        return known
    return intent.reached(begun, known, {path: found.facts for path, found in nodes.items()})


def _units(text: str, asked: Sequence[str]) -> dict[str, UnitFacts]:
    """Read what ``systemctl show`` says, a paragraph for each unit in the order of asking."""
    paragraphs = [_properties(part) for part in text.strip().split("\n\n") if part.strip()]
    names = [name for name in asked if "*" not in name]
    found = [item.get("Id", "") for item in paragraphs[len(names) :]]
    if len(paragraphs) < len(names) or (found and len(names) == len(asked)):
        # Reason: it has left one out; by an alias the others have another name than was asked.
        names, found = [], [item.get("Id", "") for item in paragraphs]
    names = [*names, *found]
    return {
        name: UnitFacts(
            load=item.get("LoadState", ""),
            active=item.get("ActiveState", ""),
            enabled=item.get("UnitFileState", ""),
            can_reload=item.get("CanReload") == "yes",
            stale=item.get("NeedDaemonReload") == "yes",
        )
        for name, item in zip(names, paragraphs, strict=True)
    }


def _properties(paragraph: str) -> dict[str, str]:
    pairs: Iterable[tuple[str, str, str]] = (
        line.partition("=") for line in islice(paragraph.splitlines(), 20)
    )
    return {key: value for key, _equals, value in pairs}


def _text(said: Sections, name: str) -> str:
    return said.get(name, b"").decode(errors="surrogateescape")


def _lines(said: Sections, name: str) -> list[str]:
    return [line for line in _text(said, name).split("\n") if line]
