"""What a place lacks: tests say it with ``needs``, and the end of a run tells what was not run.

A run that leaves tests out must not read like one that passed them all, so skipped and deselected
tests are counted and named under "not run here", each with its reason. In the image, which promises
to have everything, a lack is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from xdist.workermanage import WorkerController

UNPROMISED = {"busybox", "root"}
"""What the image has no use for, or leaves to its caller."""

DEAR = ("image", "engine", "machine")
DESELECTED = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with nothing deselected, and let no law depend on how busy a place is."""
    config.stash[DESELECTED] = {}
    with suppress(ModuleNotFoundError):  # Reason: the launcher is tested where there is little.
        from hypothesis import settings

        settings.register_profile("patient", deadline=None)
        settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of a story back in their order, which pytest-randomly has shuffled."""
    places = [at for at, item in enumerate(items) if item.get_closest_marker("story")]
    told = sorted((items[at] for at in places), key=lambda item: (item.path, item.location[1] or 0))
    for at, item in zip(places, told, strict=True):
        items[at] = item


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose needs this place does not meet; in the image, fail it."""
    from toolbox.lib.habitat.place import here

    for mark in item.iter_markers("needs"):
        for what in mark.args:
            lack = _lack(what)
            if lack and here().image and what not in UNPROMISED:
                pytest.fail(f"the image lacks {what}: {lack}", pytrace=False)
            if lack:
                pytest.skip(f"needs {what}: {lack}")


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Remember which dear tests were left out."""
    for item in items:
        dear = [name for name in DEAR if item.get_closest_marker(name)]
        if dear:
            item.config.stash[DESELECTED][item.nodeid] = dear[0]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what a worker has left out to the process that reports (pytest-xdist)."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["deselected"] = session.config.stash[DESELECTED]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """Take what a worker has left out (pytest-xdist)."""
    told = getattr(node, "workeroutput", {}).get("deselected", {})
    node.config.stash[DESELECTED].update(told)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Count and name every test that was not run, with the reason."""
    reasons = {
        report.nodeid: _reason(report.longrepr) for report in terminalreporter.getreports("skipped")
    }
    for test, marker in config.stash[DESELECTED].items():
        reasons[test] = f"marked {marker}; run it with -m {marker}"
    if not reasons:
        return
    terminalreporter.section("not run here")
    for reason in sorted(set(reasons.values())):
        tests = sorted(test for test, why in reasons.items() if why == reason)
        terminalreporter.line(f"{len(tests)} tests: {reason}")
        for test in tests:
            terminalreporter.line(f"  {test}")


def _reason(longrepr: object) -> str:
    text = longrepr[-1] if isinstance(longrepr, tuple) else str(longrepr)
    return str(text).removeprefix("Skipped: ")


@cache
def _lack(what: str) -> str:
    """Return why this place does not have what is needed; empty when it does."""
    if what == "root":
        return "" if os.geteuid() == 0 else "this is somebody else"
    if what == "salt-bundle":
        from toolbox.lib.reconfigure.engines.salt.bundle import FOLDER

        return "" if FOLDER.is_dir() else f"there is no folder {FOLDER}"
    if what == "plugins":
        from toolbox.lib.stack.workspace import PLUGINS

        folder = Path(os.environ.get("INFRA_PULUMI_PLUGINS", PLUGINS))
        return "" if folder.is_dir() else f"there is no folder {folder}"
    return "" if _find(what) else "the program is not installed"


def _find(program: str) -> str | None:
    """Return where a program is; those of our own environment need not be on PATH."""
    from toolbox.lib.core.run import search_path

    places = f"{Path(sys.executable).parent}{os.pathsep}{search_path()}"
    return shutil.which(program, path=places)


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Return a function that tells where a program is that the test has said it needs."""
    return lambda name: str(_find(name))


@pytest.fixture(scope="session")
def heavy() -> frozenset[str]:
    """Return the modules that cost time to import, so that what need not have them must not."""
    names = (
        "cryptography jinja2 libvirt paramiko pulumi pulumi_libvirt pulumi_tls pydantic testinfra"
    )
    return frozenset(names.split())


@pytest.fixture
def habitat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep state, cache and sockets in a folder of the test; return that folder."""
    # Reason: names of sockets are limited to 107 bytes, and a test's own folder is long already.
    folder = Path(tempfile.mkdtemp(prefix="habitat-"))
    for variable, name in (
        ("INFRA_STATE", "state"),
        ("INFRA_CACHE", "cache"),
        ("XDG_RUNTIME_DIR", "run"),
    ):
        (folder / name).mkdir(parents=True)
        monkeypatch.setenv(variable, str(folder / name))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Return a function that puts a program on PATH, before all others."""
    folder = tmp_path / "fake-programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    def put(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(script if script.startswith("#!") else f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return put


@dataclass(frozen=True)
class Pair:
    """A key pair: the file of the private key, and the line of the public one."""

    path: Path
    line: str


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Pair]:
    """Return a function that makes a key pair; equal wishes give the same one."""
    folder = tmp_path_factory.mktemp("keys")
    made: dict[tuple[str, ...], Pair] = {}

    def make(name: str, kind: str = "ed25519", *options: str, passphrase: str = "") -> Pair:
        wish = (name, kind, *options, passphrase)
        if wish not in made:
            path = folder / f"{name}-{kind}-{len(made)}"
            if kind == "age":
                subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
                line = path.read_text().split("# public key: ")[1].split("\n")[0]
                made[wish] = Pair(path, f"{line} {name}")
            else:
                words = ["-q", "-t", kind, *options, "-N", passphrase, "-C", name, "-f", path]
                subprocess.run(["ssh-keygen", *words], check=True)
                made[wish] = Pair(path, path.with_suffix(".pub").read_text().strip())
        return made[wish]

    return make


@pytest.fixture
def people(pair: Callable[..., Pair], monkeypatch: pytest.MonkeyPatch) -> dict[str, Pair]:
    """Return two persons, the first of whom works here."""
    from toolbox.lib.vault import identities

    found = {name: pair(name) for name in ("ana", "bob")}
    monkeypatch.setenv(identities.VARIABLE, str(found["ana"].path))
    return found
