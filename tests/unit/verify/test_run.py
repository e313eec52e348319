"""Checks run in a process of their own, once for each machine, and leave proofs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.verify import run
from toolbox.lib.verify.expectation import Expectation
from toolbox.lib.verify.run import SHIPPED, Proof, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MACHINES = [Expectation("web", "web", "b", "sha256-1"), Expectation("db", "db", "b", "sha256-2")]
CONFIG = '''
def test_config(expected):
    """The config is the right one."""
    assert expected.config == "sha256-1", expected.name
'''
MACHINE = '''
def test_greeting(machine, expected):
    """The machine greets."""
    assert machine.check_output("echo hello") == "hello"
'''


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder in place of the shipped checks."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(run, "SHIPPED", folder)
    return folder


def _proofs(tmp_path: Path, *folders: Path) -> dict[tuple[str, str], Proof]:
    proofs = verify(MACHINES, tmp_path / "config", folders)
    return {(proof.machine, proof.check): proof for proof in proofs}


def test_each_machine(shipped: Path, tmp_path: Path) -> None:
    """A check runs for each machine; its docstring is what it proves."""
    (shipped / "check_config.py").write_text(CONFIG)

    proofs = _proofs(tmp_path)

    assert set(proofs) == {("web", "config"), ("db", "config")}
    assert proofs["web", "config"].ok
    assert proofs["web", "config"].title == "The config is the right one"
    assert not proofs["db", "config"].ok
    assert "AssertionError: db" in proofs["db", "config"].message


def test_own_checks_of_a_host(tmp_path: Path) -> None:
    """A check in a host's folder runs for that host only."""
    folder = tmp_path / "hosts" / "web"
    folder.mkdir(parents=True)
    (folder / "check_config.py").write_text(CONFIG)

    assert set(_proofs(tmp_path, folder)) == {("web", "config")}


def test_nothing_is_left_in_the_folder(tmp_path: Path) -> None:
    """A project's folder of checks is as it was, though a check imports a file beside it."""
    folder = tmp_path / "hosts" / "web"
    folder.mkdir(parents=True)
    (folder / "sums.py").write_text("ONE = 1\n")
    beside = f"import sys\nsys.path.append({str(folder)!r})\nimport sums\n"
    (folder / "check_config.py").write_text(beside + CONFIG)

    assert _proofs(tmp_path, folder)["web", "config"].ok
    assert {path.name for path in folder.iterdir()} == {"check_config.py", "sums.py"}


def test_machine_is_reached(
    shipped: Path, tmp_path: Path, fake: Callable[[str, str], Path]
) -> None:
    """A check talks to its machine through ssh with our configuration."""
    (shipped / "check_greeting.py").write_text(MACHINE)
    fake("ssh", f'echo "$*" >> {tmp_path}/calls; echo hello')

    assert _proofs(tmp_path)["db", "greeting"].ok
    assert f"-F {tmp_path}/config" in (tmp_path / "calls").read_text()


def test_no_checks(tmp_path: Path) -> None:
    """Folders without checks are fine."""
    assert not _proofs(tmp_path, tmp_path / "shipped")


def test_project_settings_do_not_matter(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings and plugins of whatever project is here change nothing."""
    (shipped / "check_config.py").write_text(CONFIG)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")

    assert len(_proofs(tmp_path)) == 2


def test_order(shipped: Path, tmp_path: Path) -> None:
    """Checks run in the order in which they stand, though a plugin that shuffles is installed."""
    names = list("hgfedcba")
    (shipped / "check_x.py").write_text(
        "".join(f"def test_{name}(expected):\n    pass\n" for name in names)
    )

    proofs = verify(MACHINES[:1], tmp_path / "config", ())

    assert [proof.check for proof in proofs] == names


def test_skipped_is_not_proven(shipped: Path, tmp_path: Path) -> None:
    """A check that was skipped has proven nothing."""
    text = "import pytest\ndef test_x(expected):\n    pytest.skip('not today')\n"
    (shipped / "check_x.py").write_text(text)

    proof = _proofs(tmp_path)["web", "x"]

    assert proof.outcome == "skipped"
    assert not proof.ok


def test_broken_checks(shipped: Path, tmp_path: Path) -> None:
    """A check file that cannot be read is an error, not a machine that is well."""
    (shipped / "check_x.py").write_text("def broken(:\n")

    with pytest.raises(ToolboxError, match=r"(?s)could not run.*check_x\.py"):
        verify(MACHINES, tmp_path / "config", ())


PEERS = {"db": "10.77.0.5", "db.example": "10.77.0.5"}
PAIR = [
    Expectation("web", "web.example", "b", "sha256-1", address="10.77.0.4", peers=PEERS),
    Expectation("lone", "lone.example", "b", "sha256-2"),
]


def _network_proofs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expectations: list[Expectation]
) -> tuple[Proof, ...]:
    """Run the shipped check of the network, with a machine that is this place."""
    folder = tmp_path / "checks"
    folder.mkdir()
    shutil.copy(SHIPPED / "check_network.py", folder)
    monkeypatch.setattr(run, "SHIPPED", folder)
    return verify(expectations, tmp_path / "config", ())


# Reason: the last word is the remote command; what it would call of the machine is given to it.
MACHINE_HERE = """\
#!/bin/bash
getent() {{ [ -z "{address}" ] || echo "{address} $2"; }}
timeout() {{ [ "${{@: -1}}" != "{silent}" ] && printf SSH-; }}
export -f getent timeout
eval "${{@: -1}}"
"""


@pytest.mark.parametrize(
    ("address", "silent", "outcome", "told"),
    [
        ("10.77.0.5", "", "passed", ""),
        ("10.77.0.5", "db", "failed", "10.77.0.5 silent"),
        ("10.77.0.9", "", "failed", "10.77.0.9 SSH-"),
        ("", "", "failed", "db: unknown SSH-"),
    ],
    ids=["reached", "silent", "another address", "unknown"],
)
def test_network(
    tmp_path: Path,
    fake: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    silent: str,
    outcome: str,
    told: str,
) -> None:
    """A machine must find each other one under its address, and be greeted."""
    fake("ssh", MACHINE_HERE.format(address=address, silent=silent))

    (proof,) = _network_proofs(tmp_path, monkeypatch, PAIR)

    assert (proof.machine, proof.check, proof.outcome) == ("web", "peers", outcome)
    assert told in proof.message


def test_network_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulation with one machine has no network to prove, and nothing is skipped."""
    assert _network_proofs(tmp_path, monkeypatch, PAIR[1:]) == ()
