"""What units and quadlets name: files, folders, credentials and other quadlets.

A path in a template holds specifiers, so that a file tells which instance it belongs to:
``/etc/compose/%i/compose.yml`` of ``compose@.service`` is that of ``compose@a.service`` for ``a``.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from toolbox.lib.butane.check.unitfile import QUADLETS, entries
from toolbox.lib.reconfigure.units.unitpath import is_template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolbox.lib.butane.check.unitfile import Entry

PATH = re.compile(r"(?<![\w./%-])/[^\s:,;\"'=|&<>()]+")
BESIDE = frozenset({"File", "SetWorkingDirectory", "Yaml", "ConfigMap", "EnvironmentFile"})
"""Settings of quadlets whose paths begin in the folder of the quadlet."""

READ_AGAIN = frozenset({"ExecReload"})
CREDENTIALS = frozenset({"LoadCredential", "LoadCredentialEncrypted"})
IMPORTED = "ImportCredential"
STORES = ("/etc/credstore", "/etc/credstore.encrypted", "/run/credstore")
QUADLET = re.compile(rf"[\w@.-]+\.(?:{'|'.join(QUADLETS)})")
FOLDERS = {"E": "/etc", "S": "/var/lib", "C": "/var/cache", "L": "/var/log", "t": "/run"}
INSTANCE = "iIj"
ANY = r"[^/]*"
TOO_WIDE = frozenset({"/etc", "/var", "/usr", "/srv", "/run", "/home", "/opt", "/tmp", "/dev"})  # noqa: S108 - it is a name
MARKED = frozenset({"ExecStart", "ExecStartPre", "ExecStartPost", "Exec"})


@dataclass(frozen=True, slots=True)
class Reference:
    """A unit that names a path.

    Attributes:
        unit: Its name; of a template without its instance.
        pattern: The path; its group ``instance`` tells the instance of a template.
        rereads: Whether reading it anew suffices, where the unit can do that.
    """

    unit: str
    pattern: re.Pattern[str] = field(compare=False)
    rereads: bool


@dataclass(slots=True)
class References:
    """What the units of a machine name.

    Attributes:
        quadlets: Services by the names of the quadlets that they use.
    """

    quadlets: dict[str, list[str]] = field(default_factory=dict)
    _plain: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)
    _patterns: list[Reference] = field(default_factory=list)
    _credentials: list[tuple[str, str]] = field(default_factory=list)

    def add(self, unit: str, text: str, path: str = "") -> None:
        """Add what a unit names.

        Args:
            unit: The unit; of a template without its instance.
            text: What its file, its drop-in, or the quadlet that it is made of holds.
            path: Where that file is.
        """
        for entry in entries(text):
            for name in QUADLET.findall(entry.value):
                self.quadlets.setdefault(name, []).append(unit)
            if entry.key == IMPORTED:
                self._credentials.append((unit, entry.value.partition(":")[0]))
                continue
            for token, rereads in _tokens(entry, posixpath.dirname(path)):
                self._note(unit, token, rereads=rereads)

    def _note(self, unit: str, token: str, *, rereads: bool) -> None:
        token = token.rstrip("/")
        if token.count("/") < 1 or token in TOO_WIDE or not token:
            return
        if "%" not in token:
            self._plain.setdefault(token, []).append((unit, rereads))
            return
        expression = _expression(unit, token)
        if expression:
            pattern = re.compile(rf"{expression}(?:/.*)?")
            self._patterns.append(Reference(unit, pattern, rereads))

    def named(self, path: str) -> Iterator[tuple[str, bool]]:
        """Yield the units that name a path or a folder above it, and whether they reread it."""
        at = path
        while at:
            yield from self._plain.get(at, ())
            at = at.rpartition("/")[0]
        for reference in self._patterns:
            found = reference.pattern.fullmatch(path)
            if found:
                yield _instance(reference.unit, found), reference.rereads
        folder, _, name = path.rpartition("/")
        for unit, pattern in self._credentials if folder in STORES else ():
            if fnmatchcase(name, pattern):
                yield unit, False


def _tokens(entry: Entry, folder: str) -> Iterator[tuple[str, bool]]:
    """Yield the paths in a setting, and whether the program can read them anew."""
    value = entry.value
    if entry.key in READ_AGAIN:
        return
    if entry.key in CREDENTIALS:
        name, _, source = value.partition(":")
        source = source or name
        if not source.startswith("/"):
            yield from ((f"{store}/{source}", False) for store in STORES)
            return
    if entry.key in BESIDE and folder and not value.startswith(("/", "%", "-/")):
        beside = value.lstrip("-")
        yield posixpath.normpath(f"{folder}/{'' if beside == 'unit' else beside}"), False
        return
    value = re.sub(r"^-(?=/)|^[@:+!|-]+(?=/)", "", value)
    value = re.sub(r"%([ESCLt])(?=/)", lambda found: FOLDERS[found[1]], value)
    for number, token in enumerate(PATH.findall(value)):
        # Reason: the program itself is another one then; a file among its arguments is read by it.
        argument = entry.key in MARKED and (number > 0 or entry.key == "Exec")
        yield posixpath.normpath(token).replace("//", "/"), argument


def _expression(unit: str, token: str) -> str:
    """Return a regular expression for a path with specifiers; "" where it would match too much."""
    stem, _, _kind = unit.rpartition(".")
    prefix, at, instance = stem.partition("@")
    group = re.escape(instance) if instance else r"(?P<instance>[^/]+?)"
    known = {
        "n": re.escape(unit) if not is_template(unit) else f"{re.escape(prefix)}@{group}.*",
        "N": re.escape(stem) if not is_template(unit) else f"{re.escape(prefix)}@{group}",
        "p": re.escape(prefix if at else stem),
        "%": "%",
    }
    known |= dict.fromkeys(INSTANCE, group if at else "")
    parts = re.split(r"%(.)", token)
    if len("".join(parts[::2]).strip("/")) <= len("etc"):
        return ""
    expression = ""
    for number, part in enumerate(parts):
        piece = known.get(part, ANY) if number % 2 else re.escape(part)
        # Reason: a group can be named once; where it stands again, it is the same text.
        if "(?P<instance>" in piece and "(?P<instance>" in expression:
            piece = piece.replace(group, "(?P=instance)")
        expression += piece
    return expression


def _instance(unit: str, found: re.Match[str]) -> str:
    """Return the instance of a template that a path belongs to; other units stay."""
    instance = found.groupdict().get("instance") if is_template(unit) else None
    return unit.replace("@.", f"@{instance}.", 1) if instance else unit
