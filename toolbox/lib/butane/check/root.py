"""A private folder where other programs see the files of the machine, and say what is wrong."""

from __future__ import annotations

import os
import posixpath
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.butane.layers import inside

if TYPE_CHECKING:
    from toolbox.lib.butane.contents import Content


@dataclass(frozen=True, slots=True)
class Root:
    """Files of the machine below a folder.

    Attributes:
        folder: The folder that stands for the machine's ``/``.
    """

    folder: Path
    _contents: dict[str, Content] = field(default_factory=dict, repr=False)
    _folders: set[str] = field(default_factory=set, repr=False)

    def put(self, content: Content, path: str | None = None) -> bool:
        """Write a file; return whether it could be written.

        Args:
            content: What it holds.
            path: Where it is on the machine, if not where its content says.
        """
        clean = _clean(path or content.path)
        if not self.write(clean, content.data):
            return False
        self._contents[clean] = content
        return True

    def write(self, path: str, data: bytes) -> bool:
        """Write bytes to a path of the machine; return whether it could be done."""
        target = self._below(path)
        if not self._inside(target):
            return False
        try:
            self._make(target.rpartition("/")[0])
            Path(target).write_bytes(data)
        except (OSError, ValueError):
            # Reason: names that are too long, or a file where another one needs a folder; whether
            # such a config is right, others decide.
            return False
        return True

    def link(self, path: str, target: str) -> None:
        """Make a link, unless something is there or in its way."""
        link = self._below(path)
        if os.path.lexists(link) or not self._inside(link):
            return
        # Reason: as in `write`.
        with suppress(OSError, ValueError):
            self._make(link.rpartition("/")[0])
            Path(link).symlink_to(target)

    def holds(self, path: str) -> bool:
        """Tell whether there is anything at a path of the machine, be it a broken link."""
        return os.path.lexists(self._below(path))

    def _make(self, folder: str) -> None:
        if folder not in self._folders:
            Path(folder).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folders.add(folder)

    def _inside(self, target: str) -> bool:
        """Tell whether a path leads out of the folder by none of the links that a config makes."""
        # Reason: a folder stays one once it is there, and most files lie in few of them; pathlib
        # is slow, and raises of names that are too long and of links in a circle.
        if target.rpartition("/")[0] in self._folders and not os.path.islink(target):  # noqa: PTH114
            return True
        return inside(Path(os.path.realpath(target)), Path(os.path.realpath(self.folder)))

    def _below(self, path: str) -> str:
        return f"{self.folder}{_clean(path)}"

    def real(self, path: str) -> Path:
        """Return where a path of the machine is."""
        return Path(self._below(path))

    def path(self, said: str) -> str:
        """Return the path on the machine of a path that a program has said."""
        return said.removeprefix(str(self.folder))

    def content(self, said: str) -> Content | None:
        """Return the content of a path that a program has said."""
        return self._contents.get(_clean(self.path(said)))


def _clean(path: str) -> str:
    # Reason: from an absolute path nothing leads above it.
    return posixpath.normpath(f"/{path.lstrip('/')}")
