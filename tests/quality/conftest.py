"""The repository as the tests of quality see it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Repository:
    """A checkout and the tools that judge it.

    Attributes:
        root: Its folder.
        program: Tells where a tool is.
    """

    root: Path
    program: Callable[[str], str]

    def files(self) -> list[Path]:
        """Return all files that are committed or would be; relative paths."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=self.root,
            capture_output=True,
            check=False,
        )
        assert listed.returncode == 0, listed.stderr.decode()
        paths = [Path(name) for name in listed.stdout.decode().split("\0") if name]
        return [path for path in paths if (self.root / path).is_file()]

    def texts(self) -> dict[Path, str]:
        """Return the content of every file that is text."""
        texts = {}
        for path in self.files():
            data = (self.root / path).read_bytes()
            if b"\0" not in data:
                texts[path] = data.decode(errors="replace")
        return texts

    def judged_by(self, tool: str, *arguments: str | Path) -> tuple[bool, str]:
        """Run a tool of this environment; return whether it is content, and what it says."""
        result = subprocess.run(
            [self.program(tool), *arguments],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        return result.returncode == 0, f"{tool} says:\n{result.stdout}{result.stderr}"


@pytest.fixture(scope="session")
def repository(program: Callable[[str], str]) -> Repository:
    """Return this repository; outside of a checkout there is nothing to judge."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a checkout: what is committed can only be asked of git")
    return Repository(ROOT, program)
