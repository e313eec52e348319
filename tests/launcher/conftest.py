"""A host made of fakes for the launcher's unit tests, and real podman for those marked image."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LAUNCHER = Path(__file__).parents[2] / "infra"

# Reason: the launcher may use these and no others, so the list is also what it needs of a host.
PROGRAMS = [
    "sh",
    "awk",
    "basename",
    "cat",
    "chmod",
    "chown",
    "cmp",
    "cp",
    "cut",
    "date",
    "dirname",
    "env",
    "find",
    "grep",
    "head",
    "ln",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "readlink",
    "rm",
    "rmdir",
    "sed",
    "sha256sum",
    "sleep",
    "sort",
    "tail",
    "tar",
    "timeout",
    "touch",
    "tr",
    "uname",
    "xargs",
]

FAKE = """#!{python} -IS
import json, os, re, sys
words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
with open({home!r} + "/calls", "a") as calls:
    calls.write(json.dumps(words) + "\\n")
line = " ".join(words)
for pattern, code, out in json.load(open({home!r} + "/answers")):
    if re.search(pattern, line):
        sys.stdout.write(out)
        sys.stderr.write(out if code else "")
        sys.exit(code)
"""


@dataclass
class FakeHost:
    """A host on which podman and the package managers only record what they were told.

    Attributes:
        folder: Everything of this host: programs, root of its files, state, projects.
        answers: (pattern, exit code, output) for the fakes; the first that matches counts.
        environment: What the caller of the launcher has exported.
    """

    folder: Path
    answers: list[tuple[str, int, str]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def project(self) -> Path:
        """The project that the launcher is called in."""
        return self.folder / "my project"

    @property
    def root(self) -> Path:
        """The folder that stands for the host's root directory."""
        return self.folder / "root"

    def fake(self, *names: str) -> None:
        """Install programs that record their arguments and give the prepared answers."""
        for name in names:
            program = self.folder / "bin" / name
            program.unlink(missing_ok=True)  # Reason: it may be a link to the host's real one
            program.write_text(FAKE.format(python=sys.executable, home=str(self.folder)))
            program.chmod(0o755)

    def user(self, uid: int) -> None:
        """Make the caller somebody else, as far as `id` can tell."""
        script = f"#!/bin/sh\ncase $1 in -un) echo ana;; *) echo {uid};; esac\n"
        (self.folder / "bin" / "id").unlink(missing_ok=True)
        (self.folder / "bin" / "id").write_text(script)
        (self.folder / "bin" / "id").chmod(0o755)

    def write(self, path: str, content: str = "") -> Path:
        """Write a file below the host's root."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        return target

    def checkout(self) -> Path:
        """Make a checkout with the launcher in it and return the launcher's path."""
        place = self.folder / "checkout"
        (place / "toolbox").mkdir(parents=True)
        (place / "toolbox" / "a.py").write_text("1\n")
        (place / "Containerfile").write_text(
            "ARG BASE=example.org/fedora-toolbox:1\nARG DEBIAN_BASE=example.org/debian:1\n"
        )
        (place / ".containerignore").write_text("*\n!toolbox\n!absent\n")
        return Path(shutil.copy(LAUNCHER, place / "infra"))

    def checkout_path(self) -> Path:
        """Return the launcher of the checkout that was made."""
        return self.folder / "checkout" / "infra"

    def run(
        self, *words: str, launcher: Path | None = None, stdin: str = "", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the launcher (a copy outside any checkout, unless named) and return what it did."""
        (self.folder / "answers").write_text(json.dumps(self.answers))
        copy = self.folder / "infra"
        if not copy.exists():
            shutil.copy(LAUNCHER, copy)
        return subprocess.run(
            ["/bin/sh", str(launcher or copy), *words],
            cwd=cwd or self.project,
            env={
                "PATH": str(self.folder / "bin"),
                "HOME": str(self.folder / "home"),
                "INFRA_HOST_ROOT": str(self.root),
                "TMPDIR": str(self.folder / "tmp"),
                **self.environment,
            },
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def calls(self, start: str = "") -> list[list[str]]:
        """Return the recorded commands, those of one program or verb when asked."""
        record = self.folder / "calls"
        lines = record.read_text().splitlines() if record.exists() else []
        return [words for words in map(json.loads, lines) if " ".join(words).startswith(start)]

    def created(self) -> list[str]:
        """Return the command that made the project's container."""
        return next(words for words in self.calls() if "run" in words and "--name" in words)

    def task(self) -> list[str]:
        """Return the command that ran the task."""
        return next(
            words for words in self.calls() if "exec" in words and "--detach-keys=" in words
        )


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """A host with podman and a built image, owned by root, without kvm, SELinux, agent or CA."""
    made = FakeHost(tmp_path)
    for folder in ("bin", "home", "root", "tmp", "my project"):
        (tmp_path / folder).mkdir()
    (made.project / "project.yaml").touch()
    for name in PROGRAMS:
        found = shutil.which(name)
        assert found, f"{name} is needed to run the launcher"
        # Reason: no link, because a fake that is written over it would change the host's own.
        (tmp_path / "bin" / name).write_text(f'#!/bin/sh\nexec {found} "$@"\n')
        (tmp_path / "bin" / name).chmod(0o755)
    made.user(0)
    made.fake("podman")
    made.answers = [
        ("--version", 0, "podman version 5.0.0"),
        ("image inspect --format {{.Id}} ", 0, "sha256:1"),
        ("image inspect", 0, "||sha256:1"),
        ("exec .*qemu-system", 1, ""),
    ]
    return made


IMAGE = "localhost/infra-launcher-test"
INVOKE = """#!/bin/sh
case $1 in run) shift; exec "$@" ;; sim.stop) echo "$*" >>"$INFRA_STATE/stopped" ;; esac
"""


@dataclass
class RealHost:
    """The host the tests run on, with a tiny image instead of the toolbox's.

    Attributes:
        project: A project of its own for each test.
        environment: What the launcher is called with.
        launcher: The launcher of this checkout.
    """

    project: Path
    environment: dict[str, str]
    launcher: Path = LAUNCHER

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start the launcher in a session of its own."""
        return subprocess.Popen(
            [str(LAUNCHER), *words],
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run the launcher to its end."""
        process = self.start(*words)
        out, err = process.communicate(stdin, timeout=120)
        return subprocess.CompletedProcess(words, process.returncode, out, err)


@pytest.fixture(scope="session")
def renaming() -> Callable[[Path, str], Path]:
    """Return a function that makes a podman which builds another image than the person's own."""

    def make(folder: Path, image: str) -> Path:
        podman = folder / "podman"
        podman.write_text(
            "#!/bin/sh\nfor word; do shift\n"
            f'  [ "$word" != localhost/infra-toolbox:latest ] || word={image}\n'
            '  set -- "$@" "$word"; done\nexec podman "$@"\n'
        )
        podman.chmod(0o755)
        return podman

    return make


@pytest.fixture(scope="session")
def tiny_image(
    tmp_path_factory: pytest.TempPathFactory, renaming: Callable[[Path, str], Path]
) -> str:
    """An image with a stand-in for invoke, built by the launcher from a checkout of its own."""
    place = tmp_path_factory.mktemp("checkout")
    shutil.copy(LAUNCHER, place / "infra")
    (place / "invoke").write_text(INVOKE)
    (place / "invoke").chmod(0o755)
    (place / ".containerignore").write_text("*\n!invoke\n")
    (place / "Containerfile").write_text(
        f"# {place}: new inputs for each session\n"
        "ARG BASE=localhost/no-such-image\nARG DEBIAN_BASE=localhost/no-such-image\n"
        "FROM ${BASE}\nARG SSL_CERT_FILE\nCOPY invoke /usr/local/bin/invoke\n"
        'RUN test -z "$SSL_CERT_FILE" || test -s "$SSL_CERT_FILE"\n'
    )
    state = place / "state"
    environment = {
        **os.environ,
        "XDG_STATE_HOME": str(state),
        "INFRA_PODMAN": str(renaming(place, IMAGE)),
        "CI": "1",
    }
    command = [str(place / "infra"), "image"]
    for builds in (True, False):  # Reason: the second time there is nothing to do
        done = subprocess.run(
            command, cwd=place, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert ("building" in done.stderr) is builds, done.stderr
        assert done.stderr.endswith("infra: the image is ready; next: ./infra sim\n")
    return IMAGE


@pytest.fixture
def real(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, tiny_image: str
) -> Iterator[RealHost]:
    """Real podman and an empty project; its container and volume are removed afterwards."""
    project = tmp_path / "real"
    project.mkdir()
    (project / "project.yaml").touch()
    state = tmp_path_factory.getbasetemp() / "state"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INFRA_")}
    kept |= {"INFRA_IMAGE": tiny_image, "XDG_STATE_HOME": str(state)}
    made = RealHost(project, kept)
    yield made
    made.run("stop", "--purge")


@pytest.fixture(scope="session")
def launcher_path() -> Path:
    """The launcher of this checkout."""
    return LAUNCHER


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a path short enough for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="infra-test.") as folder:
        yield Path(folder)
