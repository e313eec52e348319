"""The units that a config brings, by name: its own, those of files, those that podman makes."""

from __future__ import annotations

import hashlib
import posixpath
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from toolbox.lib.butane.check import unitfile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from toolbox.lib.butane.check.quadlet import Generated
    from toolbox.lib.butane.contents import Content, Contents, Unit
    from toolbox.lib.inventory.document import Place

SYSTEM = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""Folders of units, those that win first."""

USER = ("/etc/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user")
HOME = "/.config/systemd/user"
VALID = re.compile(rf"[\w:.\\-]+(?:@[\w:.\\-]*)?\.(?:{'|'.join(unitfile.TYPES)})")
SOURCE = re.compile(rb"^SourcePath=.*\n", re.MULTILINE)
INSTALLS = ("WantedBy", "RequiredBy", "UpheldBy")


@dataclass(frozen=True, slots=True)
class Units:
    """Units that see each other.

    Attributes:
        user: Whether they are those of a person.
        defined: What they hold, by their names.
        generated: Those of them that podman makes.
        dropins: What is added to units, also to those that the machine has.
        links: Targets of links in the folders of units, by their paths in there.
        stated: What the config says about units, by their names.
    """

    user: bool
    defined: Mapping[str, Content]
    generated: Mapping[str, Generated]
    dropins: Mapping[str, tuple[Content, ...]]
    links: Mapping[str, str]
    stated: Mapping[str, Unit] = field(default_factory=dict)

    def entries(self, name: str) -> tuple[unitfile.Entry, ...]:
        """Return the settings of a unit and its drop-ins."""
        own = self.defined.get(name)
        parts = [*([own] if own else []), *self.dropins.get(name, ())]
        return tuple(entry for part in parts for entry in unitfile.entries(part.text))

    def installed_in(self, name: str) -> tuple[str, ...]:
        """Return the units that want a unit once it is enabled."""
        settings = [entry for entry in self.entries(name) if entry.section == "Install"]
        return unitfile.words(settings, *INSTALLS)

    def digest(self) -> str:
        """Return a hash of all that a judgement of the units is about."""
        facts = (
            self.user,
            # Reason: podman tells there where our own copy of the quadlet was, anew each time.
            sorted((name, SOURCE.sub(b"", part.data)) for name, part in self.defined.items()),
            sorted(self.generated),
            sorted(
                (name, [(part.path, part.data) for part in parts])
                for name, parts in self.dropins.items()
            ),
            sorted(self.links.items()),
            sorted(name for name, unit in self.stated.items() if unit.enabled),
        )
        return hashlib.sha256(repr(facts).encode()).hexdigest()


def gather(contents: Contents, generated: Iterable[Generated], *, user: bool) -> Units:
    """Return the units of the system, or those of persons.

    Args:
        contents: What the config puts on the machine.
        generated: What podman makes of quadlets.
        user: Whether those of persons are wanted.
    """
    defined: dict[str, Content] = {}
    dropins: dict[str, list[Content]] = {}
    made = {unit.name: unit for unit in generated if unit.user is user}
    defined |= {name: _as_content(unit) for name, unit in made.items()}
    for path, below in _below(contents.files, user=user):
        name, _, dropin = below.partition(".d/")
        if dropin.endswith(".conf") and "/" not in dropin:
            dropins.setdefault(name, []).append(contents.files[path])
        elif VALID.fullmatch(below):
            defined[below] = contents.files[path]
            made.pop(below, None)
    stated = {} if user else {unit.name: unit for unit in contents.units}
    for name, said in stated.items():
        if said.content and VALID.fullmatch(name):
            defined[name] = said.content
            made.pop(name, None)
        dropins.setdefault(name, []).extend(said.dropins)
    links = {below: contents.links[path] for path, below in _below(contents.links, user=user)}
    masked = {name for name, unit in stated.items() if unit.masked}
    masked |= {name for name, target in links.items() if target == "/dev/null"}
    return Units(
        user,
        {name: content for name, content in defined.items() if name not in masked},
        {name: unit for name, unit in made.items() if name not in masked},
        {name: tuple(parts) for name, parts in dropins.items() if parts},
        links,
        stated,
    )


def _below(paths: Iterable[str], *, user: bool) -> Iterator[tuple[str, str]]:
    """Yield the paths in folders of units, those that win last, with their rest."""
    tops = USER if user else SYSTEM
    for path in paths:
        clean = posixpath.normpath(path)
        if user and f"{HOME}/" in clean:
            yield path, clean.partition(f"{HOME}/")[2]
    for top in reversed(tops):
        for path in paths:
            clean = posixpath.normpath(path)
            if clean.startswith(f"{top}/"):
                yield path, clean.removeprefix(f"{top}/")


def _as_content(unit: Generated) -> Content:
    """Return a unit that podman makes, each of its lines with the place in the quadlet."""
    quadlet = unit.quadlet
    made, own = unit.text.split("\n"), [line.strip() for line in quadlet.lines]

    def origin(line: int, _column: int | None) -> Place:
        said = made[line - 1].strip() if line <= len(made) else ""
        if said in own:
            return quadlet.at(own.index(said) + 1)
        # Reason: podman changes some values, and then the key tells the line.
        key, sign, _ = said.partition("=")
        alike = (number for number, text in enumerate(own, start=1) if text.startswith(key + sign))
        return quadlet.at(next(alike, 1) if sign else 1)

    return replace(
        quadlet, path=f"{SYSTEM[0]}/{unit.name}", data=unit.text.encode(), parts=((1, origin),)
    )
