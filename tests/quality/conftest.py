"""The repository as the tests of quality see it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Repository:
    """A checkout and the tools that judge it."""

    root: Path

    def files(self) -> list[Path]:
        """Return all files that are committed or would be; relative paths."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=self.root,
            capture_output=True,
            check=True,
        )
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

    def satisfies(self, *command: str | Path) -> None:
        """Run a tool of this environment; fail with what it says when it is not content."""
        tool = shutil.which(command[0], path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        if tool is None:
            pytest.skip(f"needs {command[0]}: the program is not installed")
        result = subprocess.run(
            [tool, *command[1:]], cwd=self.root, capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            pytest.fail(f"{command[0]} says:\n{result.stdout}{result.stderr}", pytrace=False)


@pytest.fixture(scope="session")
def repository() -> Repository:
    """Return this repository; outside of a checkout there is nothing to judge."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs a git checkout and git")
    return Repository(ROOT)
