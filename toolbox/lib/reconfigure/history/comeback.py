"""Coming back to what a machine remembers: its record and the bytes that were kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from toolbox.lib.core.secret import Secret
from toolbox.lib.reconfigure.desire import presets
from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.desire.state import (
    MASK,
    PRESET,
    UNITS,
    DesiredState,
    Group,
    Kind,
    Node,
    Remote,
    Unit,
    User,
    in_order,
)
from toolbox.lib.reconfigure.history.record import KEPT, RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from toolbox.lib.reconfigure.history.record import Placed, Record


def desired(record: Record, blob_of: Callable[[str], Blob | None]) -> DesiredState:
    """Return the state that a record remembers, to come back to it.

    Args:
        record: The record.
        blob_of: Gives bytes by their SHA-256; None where they are nowhere any more.

    Raises:
        RecordError: Something of it is nowhere any more.
    """
    back = _Back(blob_of)
    nodes = tuple(back.node(path, item) for path, item in record.nodes.items() if path != PRESET)
    users = tuple(back.user(name, text) for name, text in record.users.items())
    groups = tuple(back.group(name, text) for name, text in record.groups.items())
    units = tuple(_unit(name, words.split(",")) for name, words in record.units.items())
    if back.lost:
        number = record.generation
        message = f"generation {number} cannot be had again, as some of it is kept nowhere:\n"
        message += "\n".join(back.lost)
        raise RecordError(message, hint="secrets are kept where the change was made from")
    lines = presets.text(units).encode()
    preset = Node(PRESET, Kind.FILE, "presets", mode=0o644, contents=Blob(lines), overwrite=True)
    ordered = (*nodes, preset) if PRESET in record.nodes else nodes
    return DesiredState(record.config, in_order(ordered), units, users, groups, record.provisioning)


@dataclass(slots=True)
class _Back:
    blob_of: Callable[[str], Blob | None]
    lost: list[str] = field(default_factory=list)

    def node(self, path: str, item: Placed) -> Node:
        """Return what stood at a path."""
        kind = Kind(item.kind)
        user, _, group = item.owner.partition(":")
        node = Node(
            path,
            kind,
            _origin(path, item),
            mode=item.mode,
            user=_owner(user),
            group=_owner(group),
            target=item.target or None,
            overwrite=item.overwrite,
            secret=item.secret,
        )
        if item.source:
            compression, checked, url = item.source.split(" ", 2)
            return replace(node, remote=Remote(url, checked or None, compression))
        blob = self._blob(item.digest, path) if item.digest else None
        if item.appended:
            return replace(node, appended=(blob,) if blob else ())
        return replace(node, contents=blob)

    def user(self, name: str, text: str) -> User:
        """Return what was said about a user."""
        blob = self._blob(text.removesuffix(KEPT), f"user {name}")
        if blob is None:
            return User(name)
        said = json.loads(blob.reveal())
        lists = {key: tuple(said[key]) for key in ("groups", "keys") if said[key] is not None}
        return User(**{**said, **lists, "password": _secret(said["password"])})

    def group(self, name: str, text: str) -> Group:
        """Return what was said about a group."""
        blob = self._blob(text.removesuffix(KEPT), f"group {name}")
        said = json.loads(blob.reveal()) if blob else {"name": name, "password": None}
        return Group(**{**said, "password": _secret(said["password"])})

    def _blob(self, digest: str, what: str) -> Blob | None:
        blob = self.blob_of(digest)
        if blob is None:
            self.lost.append(what)
        return blob


def _secret(text: str | None) -> Secret | None:
    return None if text is None else Secret(text)


def _unit(name: str, words: Collection[str]) -> Unit:
    enabled = True if "enabled" in words else False if "disabled" in words else None
    masked = True if "masked" in words else False if "unmasked" in words else None
    return Unit(name, enabled, masked)


def _origin(path: str, item: Placed) -> str:
    below = path.removeprefix(f"{UNITS}/")
    if below != path and "/" not in below:
        return f"mask of {below}" if item.target == MASK else f"unit {below}"
    return item.kind


def _owner(text: str) -> str | int | None:
    return int(text) if text.isdecimal() else text or None
