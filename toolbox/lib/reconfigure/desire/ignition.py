"""What an Ignition config demands of a machine that has booted, by the rules of Ignition itself."""

from __future__ import annotations

import hashlib
import json
import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolbox.lib.butane.bootstrap import HASH_FILE
from toolbox.lib.core.secret import Secret
from toolbox.lib.reconfigure.desire import inheritance, presets, secrecy
from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.desire.fields import Fields
from toolbox.lib.reconfigure.desire.inheritance import known, told
from toolbox.lib.reconfigure.desire.state import (
    MASK,
    PRESET,
    UNIT_MODE,
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolbox.lib.butane.bootstrap import PlaceFile
    from toolbox.lib.butane.translate import IgnitionConfig

FIRST_BOOT = ("disks", "raid", "luks", "filesystems")
"""Parts of the storage that are made once, before there is a system."""


def derive(config: IgnitionConfig, place: Iterable[PlaceFile] = ()) -> DesiredState:
    """Return what a host's config demands, with the files of the place it runs in.

    Args:
        config: The host's config.
        place: Files of the place, as `bootstrap.wrap` merges them; the config wins.

    Raises:
        ConfigError: Something in it cannot be known without the machine.
    """
    outer = {"storage": {"files": [file.entry() for file in place]}}
    inner = inheritance.load(config.json.reveal())
    return _state(inheritance.merged(outer, inner), config.sha256)


def read(text: str | bytes, config: str) -> DesiredState:
    """Return what any Ignition config demands.

    Args:
        text: The config, JSON.
        config: Its hash, ``sha256-<hex>``.

    Raises:
        ConfigError: Ignition would refuse it, or it cannot be known without the machine.
    """
    return _state(inheritance.load(text), config)


def paths(desired: DesiredState) -> tuple[str, ...]:
    """Return the paths that a plan has to know: those desired, what they lead to, and masks."""
    named = [node.path for node in desired.nodes]
    named += [node.target for node in desired.nodes if node.kind is Kind.HARD_LINK and node.target]
    named += [f"{UNITS}/{unit.name}" for unit in desired.units if unit.masked is False]
    return tuple(dict.fromkeys(named))


def _state(config: dict[str, Any], digest: str) -> DesiredState:
    top = Fields(config)
    storage, systemd, passwd = top.below("storage"), top.below("systemd"), top.below("passwd")
    reader = _Reader()
    reader.storage(storage)
    units = tuple(reader.units(systemd))
    users, groups = tuple(_users(passwd)), tuple(_groups(passwd))
    provisioning = dict(_provisioning(top))
    told(top.mistakes)
    return DesiredState(digest, reader.all(), units, users, groups, provisioning)


@dataclass(slots=True)
class _Reader:
    """Gathers nodes; of two at one path the later stays, as Ignition writes it later."""

    nodes: dict[str, Node] = field(default_factory=dict)

    def all(self) -> tuple[Node, ...]:
        """Return the nodes in the order in which they are made, with folders they need."""
        return in_order([*self._parents(), *self.nodes.values()])

    def storage(self, storage: Fields) -> None:
        """Read directories, files and links."""
        for item in storage.items("directories"):
            self._put(item, Kind.DIRECTORY)
        for item in storage.items("files"):
            self._put(item, Kind.FILE)
        for item in storage.items("links"):
            self._put(item, Kind.HARD_LINK if item.flag("hard") else Kind.LINK)

    def units(self, systemd: Fields) -> Iterator[Unit]:
        """Read units: yield what is said about them, and keep their files."""
        said = []
        for item in systemd.items("units"):
            name = _name(item)
            if name is None:
                continue
            path = f"{UNITS}/{name}"
            self._dropins(item, name, path)
            text, masked = item.text("contents"), item.flag("mask")
            if text:
                self._text(path, text, f"unit {name}")
            if masked:
                self.nodes[path] = Node(
                    path, Kind.LINK, f"mask of {name}", target=MASK, overwrite=True
                )
            said.append(Unit(name, item.flag("enabled"), masked))
        lines = presets.text(said)
        if lines:
            self._text(PRESET, lines, "presets")
        yield from said

    def _dropins(self, item: Fields, unit: str, path: str) -> None:
        for dropin in item.items("dropins"):
            name, text = _name(dropin), dropin.text("contents")
            if name is not None and text is not None:
                self._text(f"{path}.d/{name}", text, f"drop-in {name} of {unit}")

    def _text(self, path: str, text: str, origin: str) -> None:
        data = text.encode()
        self.nodes[path] = Node(
            path,
            Kind.FILE,
            origin,
            mode=UNIT_MODE,
            contents=Blob(data),
            overwrite=True,
            secret=secrecy.is_secret(path, UNIT_MODE, data),
        )

    def _put(self, item: Fields, kind: Kind) -> None:
        path = _path(item, "path")
        if path is None or path == HASH_FILE:
            return
        if path in self.nodes:
            item.wrong("path", f"{path} stands in the config twice")
        contents, remote, appended = _contents(item) if kind is Kind.FILE else (None, None, ())
        mode = item.number("mode")
        data = b"".join(blob.reveal() for blob in (contents, *appended) if blob)
        self.nodes[path] = Node(
            path,
            kind,
            kind.value,
            mode=mode,
            user=_owner(item, "user"),
            group=_owner(item, "group"),
            contents=contents,
            remote=remote,
            appended=appended,
            target=_target(item, kind),
            overwrite=bool(item.flag("overwrite")),
            secret=kind is Kind.FILE and secrecy.is_secret(path, mode, data),
        )

    def _parents(self) -> Iterator[Node]:
        """Yield the folders that Ignition makes because something stands in them."""
        made: set[str] = set(self.nodes)
        for path in self.nodes:
            parent = posixpath.dirname(path)
            while parent != "/" and parent not in made:
                made.add(parent)
                yield Node(parent, Kind.DIRECTORY, f"folder of {path}")
                parent = posixpath.dirname(parent)


def _contents(item: Fields) -> tuple[Blob | None, Remote | None, tuple[Blob, ...]]:
    resource = item.below("contents")
    data = known(resource)
    remote = None
    if data is None and resource.text("source"):
        remote = Remote(
            resource.text("source") or "",
            resource.below("verification").text("hash"),
            resource.text("compression") or "",
        )
    appended = []
    for part in item.items("append"):
        piece = known(part)
        if piece is None and part.text("source"):
            part.wrong("source", "is fetched by the machine, and appended at its first boot only")
        appended += [Blob(piece)] if piece else []
    return Blob(data) if data is not None else None, remote, tuple(appended)


def _owner(item: Fields, key: str) -> str | int | None:
    owner = item.below(key)
    number, name = owner.number("id"), owner.text("name")
    return number if number is not None else name or None


def _target(item: Fields, kind: Kind) -> str | None:
    if kind is Kind.HARD_LINK:
        return _path(item, "target")
    if kind is not Kind.LINK:
        return None
    target = item.text("target")
    if not target or "\0" in target:
        item.wrong("target", "is missing")
    return target


def _path(item: Fields, key: str) -> str | None:
    path = item.text(key) or ""
    if not path.startswith("/") or "\0" in path:
        item.wrong(key, "is no absolute path")
        return None
    # Reason: POSIX lets two slashes at the beginning mean something else, and no system does.
    clean = posixpath.normpath(path).replace("//", "/")
    if clean == "/":
        item.wrong(key, "is the root of all")
        return None
    return clean


def _name(item: Fields) -> str | None:
    name = item.text("name") or ""
    if not name or "/" in name or "\0" in name or "\n" in name:
        item.wrong("name", "is no name")
        return None
    return name


def _users(passwd: Fields) -> Iterator[User]:
    for item in passwd.items("users"):
        name = _name(item)
        if name is None:
            continue
        password = item.text("passwordHash")
        keys, exists = item.texts("sshAuthorizedKeys"), item.flag("shouldExist")
        yield User(
            name,
            uid=item.number("uid"),
            gecos=item.text("gecos") or None,
            home=item.text("homeDir") or None,
            shell=item.text("shell") or None,
            primary_group=item.text("primaryGroup") or None,
            groups=item.texts("groups") or None,
            password=None if password is None else Secret(password),
            # Reason: keys of several lines are as many keys.
            keys=tuple(line for key in keys or () for line in _lines(key)) or None,
            system=bool(item.flag("system")),
            create_home=not item.flag("noCreateHome"),
            own_group=not item.flag("noUserGroup"),
            exists=exists is not False,
        )


def _lines(key: str) -> Iterator[str]:
    yield from (line.strip() for line in key.splitlines() if line.strip())


def _groups(passwd: Fields) -> Iterator[Group]:
    for item in passwd.items("groups"):
        name = _name(item)
        if name is not None:
            password, exists = item.text("passwordHash"), item.flag("shouldExist")
            yield Group(
                name,
                gid=item.number("gid"),
                password=Secret(password) if password else None,
                system=bool(item.flag("system")),
                exists=exists is not False,
            )


def _provisioning(top: Fields) -> Iterator[tuple[str, str]]:
    """Yield the parts that take effect at the first boot only, each with its hash."""
    storage = top.below("storage")
    parts = {f"storage.{name}": storage.values.get(name) for name in FIRST_BOOT}
    arguments = top.below("kernelArguments").values
    parts["kernelArguments"] = {key: value for key, value in arguments.items() if value}
    for name, part in parts.items():
        if part:
            text = json.dumps(part, sort_keys=True, separators=(",", ":"))
            yield name, hashlib.sha256(text.encode()).hexdigest()
