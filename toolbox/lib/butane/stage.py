"""The private folder that Butane reads local files from, for the time of one translation."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from toolbox.lib.core.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from toolbox.lib.inventory.document import Place

    # Reason: tells where a line and column of a file was written.
    Written = Callable[[int, int], Place]


@dataclass(frozen=True, slots=True)
class Stage:
    """Collects what Butane may read, under numbered names.

    Whole folders are linked and not copied, so large files cost nothing.

    Attributes:
        folder: Butane's ``--files-dir``, private and empty at first.
        made: Where the lines of what was made here were written, by its path below the folder.
    """

    folder: Path
    made: dict[str, Written] = field(default_factory=dict, repr=False)
    _links: dict[Path, str] = field(default_factory=dict, repr=False)
    _numbers: Iterator[int] = field(default_factory=count, repr=False)

    def link(self, path: Path) -> str:
        """Make a file or folder readable; return its path below the stage's folder.

        Args:
            path: Absolute, with no links in it.
        """
        parent = path.parent
        if parent not in self._links:
            name = f"{len(self._links):04}"
            (self.folder / name).symlink_to(parent)
            self._links[parent] = name
        return f"{self._links[parent]}/{path.name}"

    def write(self, data: bytes, written: Written) -> str:
        """Keep content made here; return its path below the stage's folder.

        Args:
            data: The content.
            written: Tells where its lines were written.
        """
        made = self.folder / "made"
        made.mkdir(exist_ok=True, mode=0o700)
        name = f"made/{next(self._numbers):04}"
        write_atomic(self.folder / name, data, mode=0o600)
        self.made[name] = written
        return name
