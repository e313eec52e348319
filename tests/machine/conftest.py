"""Machines for tests: copies of the example, simulated for real and removed without a trace."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import toolbox
from toolbox.lib.simulation.layout import KEY_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(toolbox.__file__).parent / "example"
SECONDS = 900


@dataclass(frozen=True)
class Answer:
    """What a task printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The envelope it printed."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Sandbox:
    """A project of its own with a state folder of its own."""

    root: Path
    state: Path

    @property
    def key(self) -> str:
        """What tells this project's domains and sockets from those of others."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:KEY_LENGTH]

    @property
    def environment(self) -> dict[str, str]:
        """The environment its tasks run in."""
        return os.environ | {"INFRA_STATE": str(self.state), "NO_COLOR": "1"}

    def invoke(self, *words: str) -> Answer:
        """Run a task to its end."""
        done = subprocess.run(
            ["invoke", *words],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        print(done.stderr)  # shown by pytest when the test fails
        return Answer(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a task that the test will end."""
        return subprocess.Popen(
            ["invoke", *words],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def domains(self) -> dict[str, str]:
        """Return this project's domains and their states; others may run beside them."""
        virsh = ["virsh", "-q", "list", "--all"]
        listed = subprocess.run(virsh, capture_output=True, text=True, check=False).stdout
        rows = [line.split(maxsplit=2) for line in listed.splitlines()]
        return {row[1]: row[2] for row in rows if len(row) == 3 and self.key in row[1]}

    def processes(self, *names: str) -> list[str]:
        """Return the command lines of this project's processes with one of these names."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            if _told(process / "comm").strip() not in names:
                continue
            line = _told(process / "cmdline").replace("\0", " ")
            # Reason: libvirt starts some of them, which know nothing of our state folder.
            if line and (self.key in line or str(self.state) in _told(process / "environ")):
                found.append(line)
        return found

    def ssh(self, command: str) -> str:
        """Run a command on the example's machine."""
        answer = self.invoke("sim.ssh", "hello", "--", command)
        assert answer.code == 0, answer.err
        return answer.out


def _told(file: Path) -> str:
    """Read a file of a process, which may end or hide at any time."""
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def make(root: Path, state: Path) -> Sandbox:
    """Copy the example into a folder."""
    shutil.copytree(EXAMPLE, root)
    return Sandbox(root, state)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A project for all tests of a module; everything of it is removed afterwards."""
    folder = tmp_path_factory.mktemp("machine")
    made = make(folder / "example", folder / "state")
    yield made
    made.invoke("sim.clean")
