"""Layers: the folders whose Butane files make a host's config, the later over the earlier."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import HabitatError
from toolbox.lib.inventory.document import Place
from toolbox.lib.inventory.project import HOSTS_FOLDER

if TYPE_CHECKING:
    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project

SHIPPED = "butane"
BASE_UNITS = ("base",)
"""Shipped units that every host gets."""

PATTERN = "*.bu"


@dataclass(frozen=True, slots=True)
class Layer:
    """A folder with Butane files and the local files they name.

    Attributes:
        label: The folder as a person knows it, such as ``hosts/web``.
        folder: The folder itself; need not exist.
        boundary: Nothing outside of this folder is read, whatever links say.
    """

    label: str
    folder: Path
    boundary: Path

    def files(self) -> tuple[list[Path], list[Finding]]:
        """Return its Butane files in order of their names, and what is wrong with them."""
        found = sorted(self.folder.glob(PATTERN)) if self.folder.is_dir() else []
        # Reason: editors keep locks and backups under such names.
        found = [path for path in found if not path.name.startswith(".")]
        files: list[Path] = []
        findings: list[Finding] = []
        for path in found:
            place = Place(self.name_of(path))
            if not self.holds(path):
                message = f"this is a link out of {self.boundary}"
                hint = "copy the file into the project"
                findings.append(place.finding("link-escape", message, hint))
            elif not path.is_file():
                findings.append(place.finding("missing-file", "this is no file, or a broken link"))
            else:
                files.append(path)
        return files, findings

    def holds(self, path: Path) -> bool:
        """Tell whether a path, all links followed, is inside the boundary."""
        return path.resolve().is_relative_to(self.boundary.resolve())

    def name_of(self, path: Path) -> str:
        """Return a path in the folder as a person knows it."""
        return f"{self.label}/{path.relative_to(self.folder)}"


def of(project: Project, host: Host) -> tuple[Layer, ...]:
    """Return the layers of a host: shipped units, then the host's own folder."""
    shipped = shipped_folder()
    units = [Layer(f"{SHIPPED}/{unit}", shipped / unit, shipped) for unit in BASE_UNITS]
    own = Layer(f"{HOSTS_FOLDER}/{host.name}", host.folder, project.root)
    return (*units, own)


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
