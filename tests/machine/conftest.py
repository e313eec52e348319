"""Machines for tests: copies of the example, simulated for real and removed without a trace."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import toolbox
from toolbox.lib.core.files import runtime_dir
from toolbox.lib.simulation.layout import KEY_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = {
    *("invoke", "infra-toolbox", "python", "pulumi", "qemu-img", "virsh", "setpriv"),
    *("ssh", "ssh-agent", "ssh-add", "ssh-keygen", "butane", "ignition-validat"),
}
"""Processes of tasks; by their names, as those of a killed task have lost their parent."""
MACHINES = ("qemu-system", "passt", "pulumi-resource", "pulumi-language")

KEPT = {
    "pulumi-home": "Pulumi's own folder: links to the plugins of the image, and no logs",
    "simulations": "the folder of simulations, empty",
    "generic.lock": "a lock that nobody holds; removing it would let two holders in",
}
"""What stays in the state folder when nothing is simulated, and why."""

ENDS_ITSELF = ("libvirtd", "catatonit")
"""Our daemon and what waits for it: it ends when it was idle for two minutes."""

LIBVIRT = (
    Path("/etc/libvirt/qemu"),
    Path("/etc/libvirt/storage"),
    Path("/run/libvirt"),
    Path("/var/lib/libvirt/qemu"),
    Path("/var/log/libvirt/qemu"),
)
SECRETS = (
    b"PRIVATE KEY-----",
    b"PRIVATE+KEY",
    b"UFJJVkFURSBLRVkt",
    b"BSSVZBVEUgS0VZ",
    b"QUklWQVRFIEtFW",
)
"""Marks of a private key: in clear, in a URL, and in base64 at each of three places."""
MEMORIES = ("memory", "disk.qcow2")
"""Snapshots are a machine, with all that is on it."""


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

    def beside(self, name: str, files: dict[str, str]) -> Sandbox:
        """Make another project beside this one, with the same state folder.

        Args:
            name: Name of its folder.
            files: Texts of its files by their paths.
        """
        made = replace(self, root=self.root.with_name(name))
        for path, text in files.items():
            (made.root / path).parent.mkdir(parents=True, exist_ok=True)
            (made.root / path).write_text(text)
        return made


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


@dataclass(frozen=True)
class Inventory:
    """What a simulation could leave behind: looked at before and after, and compared."""

    sandbox: Sandbox
    before: frozenset[str] = frozenset()

    def taken(self) -> Inventory:
        """Return an inventory that knows what is there now."""
        return replace(self, before=frozenset(self.now()))

    def now(self) -> set[str]:
        """Return one line for each thing that is there now."""
        return {
            *_processes(),
            *(f"domain {name}" for name in self.sandbox.domains()),
            *_pools(self.sandbox),
            *_sockets(self.sandbox),
            *_files(self.sandbox),
        }

    def left(self, patience: float = 0) -> list[str]:
        """Return what is there now and was not before.

        Args:
            patience: Seconds to wait for what ends by itself, as a held ssh connection does.
        """
        end = time.monotonic() + patience
        while (new := self.now() - self.before) and time.monotonic() < end:
            time.sleep(2)
        return sorted(new)

    def secrets(self) -> list[Path]:
        """Return the files outside of machines that hold a private key in clear."""
        found = []
        for folder in _places(self.sandbox):
            for path in folder.rglob("*"):
                if path.is_symlink() or not path.is_file() or path.name in MEMORIES:
                    continue
                if path.suffix == ".qcow2" or path.name == "key":
                    continue  # Reason: a machine's disk, and the key of a generic guest beside it.
                if any(mark in path.read_bytes() for mark in SECRETS):
                    found.append(path)
        return found


def _places(sandbox: Sandbox) -> Iterator[Path]:
    yield sandbox.state
    yield runtime_dir()
    yield Path("/dev/shm")
    for path in Path(tempfile.gettempdir()).iterdir():
        if not path.name.startswith("pytest-") and path.is_dir():
            yield path


def _processes() -> Iterator[str]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name = (folder / "comm").read_text().strip()
            line = (folder / "cmdline").read_text(errors="replace").replace("\0", " ").strip()
        except OSError:
            continue  # Reason: it has just ended.
        if name in ENDS_ITSELF or not line:
            continue
        ours = name in PROGRAMS and "pytest" not in line
        if ours or name.startswith(MACHINES):
            yield f"process {folder.name} {line[:120]}"


def _pools(sandbox: Sandbox) -> Iterator[str]:
    virsh = ["virsh", "-q", "pool-list", "--all", "--name"]
    listed = subprocess.run(virsh, capture_output=True, text=True, check=False).stdout
    for name in listed.split():
        if sandbox.key in name:
            yield f"pool {name}"


def _sockets(sandbox: Sandbox) -> Iterator[str]:
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        words = line.split()
        if len(words) > 7 and (sandbox.key in words[7] or str(sandbox.state) in words[7]):
            yield f"socket {words[7]}"


def _files(sandbox: Sandbox) -> Iterator[str]:
    for folder in (runtime_dir(), *LIBVIRT):
        for path in folder.rglob("*"):
            if not path.is_dir() and not path.is_relative_to(runtime_dir() / "libvirt"):
                yield f"file {path}"
    if sandbox.state.is_dir():
        for path in sandbox.state.iterdir():
            inside = (
                list(path.rglob("*")) if path.name not in {"pulumi-home", "generic.lock"} else []
            )
            if path.name not in KEPT or inside:
                yield from (f"state {item}" for item in (path, *inside))
    for path in Path(tempfile.gettempdir()).iterdir():
        if not path.name.startswith("pytest-"):
            yield f"temporary {path}"
    for path in Path("/dev/shm").iterdir():
        yield f"shared memory {path}"


@pytest.fixture(scope="module")
def inventory(sandbox: Sandbox) -> Inventory:
    """What is there before anything of the module's sandbox; the daemon runs already."""
    assert sandbox.invoke("sim.list").code == 0
    return Inventory(sandbox).taken()
