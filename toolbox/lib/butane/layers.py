"""Layers: the folders whose Butane files make a host's config, the later over the earlier."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import HabitatError
from toolbox.lib.inventory.document import Place
from toolbox.lib.inventory.project import HOSTS_FOLDER, MODULES_FOLDER

if TYPE_CHECKING:
    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project

SHIPPED = "butane"
PROJECT_LAYER = "butane"
"""Folder of a project whose Butane files are for all of its hosts."""

BASE_UNITS = ("base",)
"""Shipped units that every host gets."""

SUFFIX = ".bu"


@dataclass(frozen=True, slots=True)
class Layer:
    """A folder with Butane files and the local files they name.

    Attributes:
        label: The folder as a person knows it, such as ``hosts/web``.
        folder: The folder itself, with no links in it.
        boundary: Nothing outside of this folder is read, whatever links say; no links in it, too.
    """

    label: str
    folder: Path
    boundary: Path

    def __post_init__(self) -> None:
        """Follow the links, once for all files of the folder."""
        object.__setattr__(self, "folder", real(self.folder))
        object.__setattr__(self, "boundary", real(self.boundary))

    def holds(self, path: Path) -> bool:
        """Tell whether a path, all links followed, is inside the boundary."""
        return inside(real(path), self.boundary)


@dataclass(frozen=True, slots=True)
class ButaneFile:
    """A Butane file of a host.

    Attributes:
        layer: The folder that it lies in.
        path: The file.
        reached: Its path as it was reached, which differs where a folder is linked.
    """

    layer: Layer
    path: Path
    reached: str

    @property
    def name(self) -> str:
        """Its path as a person knows it."""
        return f"{self.layer.label}/{self.path.name}"


@dataclass(frozen=True, slots=True)
class Escape:
    """A link to a folder that leads out of the boundary; in a tree it is a link and no more.

    Attributes:
        path: The link, its own folder without links in it.
        finding: What is to say about it.
    """

    path: Path
    finding: Finding


@dataclass(frozen=True, slots=True)
class Sources:
    """The Butane files of a host.

    Attributes:
        files: The files, the later over the earlier.
        findings: What is wrong with them.
        escapes: Links to folders that are not followed.
    """

    files: tuple[ButaneFile, ...]
    findings: tuple[Finding, ...] = ()
    escapes: tuple[Escape, ...] = ()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The folders with Butane files, in the order of their first ones."""
        return tuple({file.layer.folder: file.layer for file in self.files}.values())


def of(project: Project, host: Host) -> Sources:
    """Return the Butane files of a host.

    Shipped units come first, then the project's own folder, the modules, and the host's folder;
    inside of each the order is that of the paths. A folder or file that is reached twice counts
    where it is reached first.
    """
    walk = _Walk()
    shipped = shipped_folder()
    for unit in BASE_UNITS:
        walk.folder(f"{SHIPPED}/{unit}", shipped / unit, shipped, f"{SHIPPED}/")
        _check_name(project, unit, walk.findings)
    modules = (f"{MODULES_FOLDER}/{module}" for module in host.modules)
    for label in (PROJECT_LAYER, *modules, f"{HOSTS_FOLDER}/{host.name}"):
        walk.folder(label, project.root / label, project.root)
    return Sources(tuple(walk.files), tuple(walk.findings), tuple(walk.escapes))


def _check_name(project: Project, unit: str, findings: list[Finding]) -> None:
    """Refuse a folder of a project that has the name of a shipped unit."""
    label = f"{PROJECT_LAYER}/{unit}"
    if (project.root / label).is_dir():
        # Reason: nobody could tell which of the two a finding or a pattern means.
        message = f"{label} is a shipped unit's name"
        findings.append(Place(label).finding("shipped-name", message, "rename the folder"))


@dataclass(frozen=True, slots=True)
class _Entry:
    """Something in a folder: its path, how it was reached, and where it is, links followed."""

    path: Path
    reached: str
    real: Path
    is_folder: bool
    is_link: bool = True

    def leaves(self, boundary: Path) -> bool:
        """Tell whether it leads out of a boundary that its folder is in."""
        return self.is_link and not self.real.is_relative_to(boundary)


@dataclass(slots=True)
class _Walk:
    """Collects Butane files; each real folder and file once."""

    files: list[ButaneFile] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    escapes: list[Escape] = field(default_factory=list)
    _seen: set[Path] = field(default_factory=set)

    def folder(self, label: str, folder: Path, boundary: Path, prefix: str = "") -> None:
        """Collect the Butane files below a folder, in order of their paths.

        Args:
            label: The folder as a person knows it.
            folder: The folder; need not exist.
            boundary: What links must not lead out of.
            prefix: What stands before a path in the boundary, as a person knows it.
        """
        boundary = real(boundary)
        top = Layer(label, folder.parent, boundary)
        # Reason: with a stack the depth of folders does not matter.
        pending = [(top, _Entry(folder, label, real(folder), folder.is_dir()))]
        while pending:
            above, entry = pending.pop()
            if entry.is_folder:
                layer = self._entered(entry, boundary, prefix)
                pending += (
                    [(layer, below) for below in self._entries(layer, entry)] if layer else ()
                )
            elif entry.reached.endswith(SUFFIX):
                self._file(above, entry)

    def _entered(self, entry: _Entry, boundary: Path, prefix: str) -> Layer | None:
        """Return a folder under its own name, None when it is not to be read."""
        if entry.leaves(boundary):
            finding = _escape(Place(entry.reached), boundary)
            self.escapes.append(Escape(real(entry.path.parent) / entry.path.name, finding))
            return None
        if entry.real in self._seen:
            return None
        self._seen.add(entry.real)
        return Layer(f"{prefix}{entry.real.relative_to(boundary)}", entry.real, boundary)

    def _entries(self, layer: Layer, folder: _Entry) -> list[_Entry]:
        """Return what is in a folder and not hidden, last name first."""
        found = []
        try:
            for entry in os.scandir(layer.folder):
                # Reason: editors keep locks and backups under such names.
                if not entry.name.startswith("."):
                    path = layer.folder / entry.name
                    link, reached = entry.is_symlink(), f"{folder.reached}/{entry.name}"
                    followed = real(path) if link else path
                    found.append(_Entry(path, reached, followed, _is_folder(entry), link))
        except OSError as error:
            message = f"the folder cannot be read: {error.strerror}"
            self.findings.append(Place(layer.label).finding("unreadable", message))
        return sorted(found, key=lambda entry: entry.reached, reverse=True)

    def _file(self, layer: Layer, entry: _Entry) -> None:
        place = Place(f"{layer.label}/{entry.path.name}")
        if entry.leaves(layer.boundary):
            self.findings.append(_escape(place, layer.boundary))
        elif not entry.path.is_file():
            message = "this is no file, or a broken link"
            self.findings.append(place.finding("missing-file", message))
        elif entry.real not in self._seen:
            self._seen.add(entry.real)
            self.files.append(ButaneFile(layer, entry.path, entry.reached))


def _escape(place: Place, boundary: Path) -> Finding:
    message = f"this is a link out of {boundary}"
    return place.finding("link-escape", message, "copy it into the project")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # Reason: such as a link in a circle.
        return False


def real(path: Path) -> Path:
    """Return where a path leads, all links followed."""
    # Reason: Path.resolve refuses links in a circle in some versions of Python.
    return Path(os.path.realpath(path))


def inside(path: Path, folder: Path) -> bool:
    """Tell whether a path is a folder or below it, both without links and dots."""
    # Reason: for each of many files, Path.is_relative_to makes all folders above.
    return f"{path}/".startswith(f"{folder}/".replace("//", "/"))


def shipped_folder() -> Path:
    """Return the folder of shipped units: ``$INFRA_BUTANE``, the package's or the checkout's.

    Raises:
        HabitatError: There is none.
    """
    package = Path(__file__).resolve().parents[2]
    given = os.environ.get("INFRA_BUTANE")
    choices = [Path(given)] if given else [package / "shipped" / SHIPPED, package.parent / SHIPPED]
    for folder in choices:
        if folder.is_dir():
            return folder
    message = f"the shipped Butane units are not at {choices[-1]}"
    raise HabitatError(message, hint="run inside the toolbox image: ./infra shell")
