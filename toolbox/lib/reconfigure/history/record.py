"""What the toolbox once put on a machine, remembered there: only that is ever removed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.desire.state import UNITS, Kind
from toolbox.lib.reconfigure.history.layout import is_base

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolbox.lib.reconfigure.desire.state import DesiredState, Group, Node, Unit, User

FOLDER = "/var/lib/infra-toolbox"
"""Where a machine keeps its record and its generations; root only."""

KEPT = " kept"
OF_THE_IMAGE = frozenset({"core", "root"})
"""Users that an image has; Ignition changes them and makes all others."""

WAS_MASKED = "was-masked"
"""Word for a unit that the image masks, and whose mask a config wanted away."""

VERSION = 1


@dataclass(frozen=True, slots=True)
class Placed:
    """A node as it was put there.

    Attributes:
        kind: ``file``, ``directory``, ``link`` or ``hard link``.
        digest: SHA-256 of a file's bytes in hexadecimal, of what was appended alone where
            something was only appended; "" where the bytes were left as they were.
        appended: Number of bytes that were appended, 0 where the file is ours as a whole.
        mode: Permission bits, None where nothing was said.
        owner: ``user:group`` as the config says them, "" where nothing was said.
        target: Where a link leads.
        secret: Whether its contents are shown to nobody.
        kept: Whether it was there before, so that it stays when no config names it any more.
        overwrite: Whether another kind of thing was removed for it.
        source: What a machine fetched: compression, hash and URL, with blanks between.
    """

    kind: str
    digest: str = ""
    appended: int = 0
    mode: int | None = None
    owner: str = ""
    target: str = ""
    secret: bool = False
    kept: bool = False
    overwrite: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What was put on a machine last.

    Attributes:
        generation: Number, 0 for what Ignition put there at the first boot.
        config: SHA-256 of the config, ``sha256-<hex>``; "" after a change that was cut off.
        time: When, ISO 8601 in UTC; "" for the first boot.
        who: Who applied it, ``user@host``.
        engine: ``ignition``, ``direct`` or ``salt``.
        nodes: What was put at each path.
        units: What was said about units: ``enabled``, ``disabled``, ``masked``, ``unmasked``, and
            what they were before: ``was-enabled``, ``was-disabled``, ``was-active`` and
            `WAS_MASKED`; in that order, joined by commas.
        users: Names of users that the config makes, with the SHA-256 of what it says about each,
            and `KEPT` behind it where the user was there before.
        groups: The same for groups.
        provisioning: SHA-256 of each part that takes effect at the first boot only.
    """

    generation: int
    config: str
    time: str = ""
    who: str = ""
    engine: str = "ignition"
    nodes: Mapping[str, Placed] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    provisioning: Mapping[str, str] = field(default_factory=dict)


class RecordError(ToolboxError):
    """What a machine remembers cannot be read, or not be had again."""


@dataclass(frozen=True, slots=True)
class Keepsake:
    """Bytes that are needed to come back to a record.

    Attributes:
        blob: The bytes; `Record` knows them by their hash.
        secret: Whether they are kept on no machine outside of their place.
    """

    blob: Blob
    secret: bool


def of(
    desired: DesiredState,
    *,
    generation: int,
    time: str = "",
    who: str = "",
    engine: str = "ignition",
) -> Record:
    """Return the record of a machine that holds what is desired, and was made so by Ignition.

    Args:
        desired: What it holds.
        generation: Its number.
        time: When that was done, ISO 8601 in UTC.
        who: Who did it.
        engine: What did it.
    """
    said = {unit.name: _words(unit) for unit in desired.units}
    users = {user.name: account_blob(user).digest for user in desired.users}
    return Record(
        generation,
        desired.config,
        time,
        who,
        engine,
        nodes={node.path: placed(node) for node in desired.nodes},
        units={name: words for name, words in said.items() if words},
        users={name: text + KEPT * (name in OF_THE_IMAGE) for name, text in users.items()},
        groups={group.name: account_blob(group).digest for group in desired.groups},
        provisioning=dict(desired.provisioning),
    )


def placed(node: Node) -> Placed:
    """Return what is remembered of a node."""
    added = b"".join(blob.reveal() for blob in node.appended)
    digest, source = "", ""
    if node.contents is not None:
        digest = whole(node).digest
    elif node.remote is not None:
        function, _, value = (node.remote.hash or "").partition("-")
        digest = value if function == "sha256" and not added else ""
        source = str(node.remote)
    elif added:
        digest = Blob(added).digest
    owner = f"{_name(node.user)}:{_name(node.group)}"
    return Placed(
        node.kind.value,
        digest,
        appended=len(added) if node.contents is None and node.remote is None else 0,
        mode=node.mode,
        owner="" if owner == ":" else owner,
        target=node.target or "",
        secret=node.secret,
        # Reason: nobody saw what Ignition found there, so what every machine has is left alone.
        kept=node.kind == "directory" and is_base(node.path),
        overwrite=node.overwrite,
        source=source,
    )


def whole(node: Node) -> Blob:
    """Return all bytes that a config gives a file."""
    if node.contents is not None and not node.appended:
        return node.contents
    pieces = [node.contents] if node.contents is not None else []
    return Blob(b"".join(blob.reveal() for blob in (*pieces, *node.appended)))


def keepsakes(desired: DesiredState) -> tuple[Keepsake, ...]:
    """Return all bytes that coming back to a state needs, each once."""
    found = [
        Keepsake(whole(node), node.secret)
        for node in desired.nodes
        if (node.contents is not None or node.appended) and node.remote is None
    ]
    accounts: list[User | Group] = [*desired.users, *desired.groups]
    found += [
        Keepsake(account_blob(account), secret=account.password is not None) for account in accounts
    ]
    # Reason: the same bytes may be secret in one file only, and then they are secret.
    ordered = sorted(found, key=lambda keepsake: keepsake.secret)
    return tuple({keepsake.blob.digest: keepsake for keepsake in ordered}.values())


def listing(*records: Record) -> str:
    """Return the paths of records and what their hard links lead to, one on a line, for a shell.

    A path that holds the end of a line is left out, and so never removed by what reads this.
    """
    paths: set[str] = set()
    for record in records:
        paths |= record.nodes.keys()
        paths |= {item.target for item in record.nodes.values() if item.kind == Kind.HARD_LINK}
        # Reason: a mask that comes back must not take the place of something that was put there.
        unmasked = (name for name, words in record.units.items() if WAS_MASKED in words.split(","))
        paths |= {f"{UNITS}/{name}" for name in unmasked}
    return "".join(f"{path}\n" for path in sorted(paths) if "\n" not in path)


def dump(record: Record) -> str:
    """Return a record as JSON; what says nothing is left out."""
    nodes = {path: _said(item) for path, item in record.nodes.items()}
    known = {**asdict(record), "nodes": nodes, "version": VERSION}
    return json.dumps(known, separators=(",", ":"), sort_keys=True) + "\n"


def load(text: str | bytes) -> Record:
    """Read a record.

    Raises:
        RecordError: It is none, or of a version that is not known here.
    """
    try:
        known = json.loads(text)
        if known.pop("version") != VERSION:
            message = "the machine's record is of another version"
            raise RecordError(message, hint="use the version of infra-toolbox that wrote it")
        nodes = {path: Placed(**item) for path, item in known.pop("nodes").items()}
        return Record(**known, nodes=nodes)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        message = f"the machine's record {FOLDER}/record.json cannot be read: {error!r}"
        raise RecordError(message, hint="remove it, and nothing is removed from then on") from error


def account_blob(account: User | Group) -> Blob:
    """Return all that is said about a user or a group, as bytes by whose hash it is known."""
    said = {item.name: getattr(account, item.name) for item in fields(account)}
    if account.password is not None:
        said["password"] = account.password.reveal()
    return Blob(json.dumps(said, sort_keys=True, separators=(",", ":")).encode())


def _words(unit: Unit) -> str:
    enabled = {True: "enabled", False: "disabled", None: ""}[unit.enabled]
    masked = {True: "masked", False: "unmasked", None: ""}[unit.masked]
    return ",".join(word for word in (enabled, masked) if word)


def _name(owner: str | int | None) -> str:
    return "" if owner is None else str(owner)


def _said(item: Placed) -> dict[str, object]:
    silent = Placed(item.kind)
    names = [name for name in asdict(item) if getattr(item, name) != getattr(silent, name)]
    return {"kind": item.kind, **{name: getattr(item, name) for name in names}}
