"""rehearse.recover as a person calls it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.vault import identities, passphrase, store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.needs("git", "age", "ssh-keygen")
PASSPHRASE = "state/pulumi/prod.passphrase.age"


@pytest.fixture
def project(folder: Path, pair: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project whose passphrase is made and in no commit."""
    mine = pair("ana")
    monkeypatch.setenv(identities.VARIABLE, str(mine.path))
    (folder / "project.yaml").write_text("name: example\n")
    (folder / "hosts").mkdir()
    (folder / "hosts/web.yaml").write_text("")
    (folder / "authorized_keys").write_text(f"{mine.line}\n")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    commit(folder)
    passphrase.make(store.vault(folder), store.members(folder).recipients)
    return folder


def commit(folder: Path) -> None:
    """Commit all that there is."""
    named = ["git", "-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-C", folder]
    subprocess.run([*named, "add", "."], check=True)
    subprocess.run([*named, "commit", "--quiet", "-m", "x"], check=True)


def test_recovered(invoke: Callable[..., Any], project: Path) -> None:
    """What came back is a table with its source, and the next step is told."""
    commit(project)

    ended = invoke("rehearse.recover", "--no-boot")

    assert ended.code == 0
    rows = [line.split() for line in ended.out.splitlines()]
    assert rows[0] == ["what", "from", "where", "result"]
    assert ["passphrase", PASSPHRASE, "recovered", "opened", "with"] in [row[:5] for row in rows]
    assert "unpushed" in ended.err
    assert "next: keep a copy of the key" in ended.err


def test_lost(invoke: Callable[..., Any], project: Path) -> None:
    """What git does not have is told with its file and what to do, and ends with code 4."""
    del project
    ended, data = (invoke("rehearse.recover", "--no-boot", *words) for words in ([], ["--json"]))

    assert (ended.code, data.code) == (4, 4)
    assert "state/: error[uncommitted]: " in ended.err
    assert f"git add --force {PASSPHRASE} && git commit" in ended.err
    told = json.loads(data.out)
    assert not told["ok"]
    assert {item["what"]: item["state"] for item in told["items"]} == {
        "project": "recovered",
        "passphrase": "lost",
    }
    assert PASSPHRASE in {finding["file"] for finding in told["findings"]}


def test_wrong_key(invoke: Callable[..., Any], project: Path, pair: Callable[..., Any]) -> None:
    """A key that does not open the secrets ends with code 4, before anything is cloned."""
    del project
    ended = invoke("rehearse.recover", "--no-boot", "--identity", str(pair("bob").path))

    assert ended.code == 4
    assert "none of the keys here opens" in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [(["--identity", "no-key"], "no private key"), (["--hosts", "wbe"], "no host wbe")],
)
def test_wrong_options(
    invoke: Callable[..., Any], project: Path, words: list[str], told: str
) -> None:
    """What is no key, or no host, ends with code 2."""
    del project
    ended = invoke("rehearse.recover", "--no-boot", *words)

    assert ended.code == 2
    assert told in ended.err


def test_no_project(invoke: Callable[..., Any]) -> None:
    """Outside of a project there is nothing to rehearse, the shipped example included."""
    ended = invoke("rehearse.recover", "--no-boot")

    assert ended.code == 2
    assert "there is no project.yaml" in ended.err
