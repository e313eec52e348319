"""The tasks of secrets as a person calls them, with keys and age as they are."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.vault import identities, passphrase, store

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.needs("age", "ssh-keygen", "git")
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"
ECDSA = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMq4iTfQq40D/fhjYiE5"
    "5ObytUrBORTVQ/Q0zQUkgm+kEoOAPrMQKBdPjXDWuQIvaCzBDLtaA8OmNQ9cFXNNwzI= eve"
)


@pytest.fixture
def people(pair: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return three persons, the first of whom works here."""
    found = {"ana": pair("ana"), "bob": pair("bob", "rsa"), "cleo": pair("cleo", "age")}
    monkeypatch.setenv(identities.VARIABLE, str(found["ana"].path))
    return found


@pytest.fixture
def project(folder: Path, people: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project in a repository, with one operator."""
    (folder / "project.yaml").write_text("name: example\n")
    (folder / "hosts").mkdir()
    (folder / "hosts/web.yaml").write_text("")
    (folder / "authorized_keys").write_text(people["ana"].line)
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setattr(tempfile, "tempdir", str(folder.parent / "temporary"))
    (folder.parent / "temporary").mkdir()
    _git(folder, "init", "-q")
    return folder


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    own = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
    return subprocess.run(
        ["git", *own, "-C", folder, *words], check=False, capture_output=True, text=True
    )


def _as(person: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(identities.VARIABLE, str(person.path))


def test_life(
    invoke: Callable[..., Any],
    project: Path,
    people: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A passphrase is made, people come by each way of naming a key, and one goes."""
    made = invoke("secret.init")
    assert made.code == 0, made.err
    assert "ana   ssh-ed25519  SHA256:" in made.out
    assert "next: git add" in made.err
    here = store.vault(project)
    first = passphrase.reveal(here)
    store.export(here, "client.p12", b"\0exported")

    public = people["bob"].path.with_suffix(".pub")
    assert invoke("secret.add", str(public)).code == 0
    assert invoke("secret.add", people["cleo"].line).code == 0
    assert passphrase.reveal(here) == first
    for name in ("bob", "cleo"):
        _as(people[name], monkeypatch)
        assert passphrase.reveal(here) == first
    shown = invoke("secret.show", "state/files/prod/client.p12.age")
    assert shown.out == "\0exported"

    gone = invoke("secret.remove", "bob", "--json")
    assert gone.code == 0, gone.err
    (item,) = json.loads(gone.out)["items"]
    assert (item["went"], item["rotated"]) == (["bob"], True)
    assert [(one["kind"], one["name"]) for one in item["known"]] == [
        ("file", "state/files/prod/client.p12.age"),
        ("login", "core on all machines"),
    ]
    assert passphrase.reveal(here) != first
    _as(people["bob"], monkeypatch)
    refused = invoke("secret.show", str(here.passphrase))
    assert (refused.code, refused.out) == (4, "")
    assert first.reveal() not in made.out + made.err + gone.out + gone.err


def test_show(invoke: Callable[..., Any], project: Path, people: dict[str, Any]) -> None:
    """Who can open the secrets, who will, and who no more, is told before and after."""
    assert "secret.init makes" in invoke("secret.show").err
    invoke("secret.init")
    (project / "authorized_keys").write_text(f"{people['bob'].line}\n{ECDSA}\n")

    ended = invoke("secret.show", "--json")

    data = json.loads(ended.out)
    rows = {row["name"]: (row["opens"], row["member"]) for row in data["items"]}
    assert rows == {"bob": (False, True), "ana": (True, False)}
    assert "ECDSA" in data["findings"][0]["message"]
    assert "secret.rekey" in ended.err
    table = invoke("secret.show").out.splitlines()
    assert [line.split()[-2:] for line in table[2:]] == [["no", "yes"], ["yes", "no"]]


def test_rekey(
    invoke: Callable[..., Any],
    project: Path,
    people: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who changes authorized_keys by hand is reminded, and one task does the rest."""
    invoke("secret.init")
    here = store.vault(project)
    first = passphrase.reveal(here)
    (project / "authorized_keys").write_text(f"{people['ana'].line}\n{people['bob'].line}\n")
    assert "bob cannot open the secrets yet" in invoke("project.check").err

    assert invoke("secret.rekey").code == 0
    assert passphrase.reveal(here) == first
    assert "bob" not in invoke("project.check").err
    assert invoke("secret.rekey", "--rotate").code == 0
    assert passphrase.reveal(here) != first

    (project / "authorized_keys").write_text(people["bob"].line)
    assert "ana can still open them" in invoke("project.check").err
    assert "cannot open them any more: ana" in invoke("secret.rekey").err
    with pytest.raises(Exception, match="none of the keys"):
        passphrase.reveal(here)
    _as(people["bob"], monkeypatch)
    assert passphrase.reveal(here)


def test_refusals(invoke: Callable[..., Any], project: Path, people: dict[str, Any]) -> None:
    """What is refused has exit code 4 and changes nothing."""
    (project / "authorized_keys").write_text(ECDSA)
    nobody = invoke("secret.init")
    assert (nobody.code, (project / "state").exists()) == (4, False)
    assert "authorized_keys:1:1: warning[no-recipient]: age has no encryption" in nobody.err

    (project / "authorized_keys").write_text(people["ana"].line)
    invoke("secret.init")
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    for words, reason in (
        (("secret.add", ECDSA), "ECDSA"),
        (("secret.remove", "ana"), "nobody would be left"),
    ):
        ended = invoke(*words)
        assert ended.code == 4
        assert reason in ended.err
    lock = project / "state/pulumi/lock"
    after = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    after.pop(lock, None)
    assert after == before


def test_stranger_changes_nothing(
    invoke: Callable[..., Any],
    project: Path,
    people: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who cannot open the secrets cannot let others open them, and writes nothing."""
    invoke("secret.init")
    _as(people["bob"], monkeypatch)
    keys = (project / "authorized_keys").read_text()

    ended = invoke("secret.add", people["bob"].line)

    assert ended.code == 4
    assert "none of the keys here opens" in ended.err
    assert (project / "authorized_keys").read_text() == keys


@pytest.mark.parametrize(
    "words",
    [
        ("secret.add",),
        ("secret.add", "hello"),
        ("secret.remove",),
        ("secret.remove", "nobody"),
        ("secret.show", "none"),
        ("secret.rekey", "--stack", "../x"),
        ("secret.rekey", "--stack", "staging"),
        ("secret.init",),
    ],
)
def test_wrong_calls(invoke: Callable[..., Any], project: Path, words: tuple[str, ...]) -> None:
    """A call that is wrong is told as one."""
    invoke("secret.init")

    ended = invoke(*words)

    assert ended.code == 2, ended.err
    assert "hint:" in ended.err
    assert not (project / "state/pulumi/staging.passphrase.age").exists()


def test_plain_secret_is_refused(invoke: Callable[..., Any], project: Path) -> None:
    """A secret in clear is refused by the check of the project and by the hook, with its file."""
    _git(project, "add", "--all")
    assert invoke("secret.hook").code == 0
    assert invoke("project.check").code == 0
    plain = project / "state/files/prod/web.key"
    plain.parent.mkdir(parents=True)
    plain.write_text(base64.b64encode(PEM.encode()).decode())
    (project / ".env").write_text("A=b\n")
    _git(project, "add", "--all")

    checked, hooked = invoke("project.check", "--json"), invoke("secret.hook")

    data = json.loads(checked.out)
    assert (checked.code, hooked.code, data["ok"]) == (4, 4, False)
    assert data["findings"][0]["file"] == "state/files/prod/web.key"
    assert "state/files/prod/web.key: error[plain-secret]: there is a private key" in hooked.err
    assert ".env: error[plain-secret]" in hooked.err
    assert "MC4C" not in checked.out + checked.err + hooked.err


def test_audit(invoke: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret is found wherever it was left in clear, and told by its name."""
    for name in ("API_TOKEN", "REGION", "PIN_KEY"):
        # Reason: the task sets them, and the test has to leave no trace.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    invoke("secret.init")
    (project / ".gitignore").write_text(".env\n")
    (project / ".env").write_text("API_TOKEN=canary-of-env\nREGION=everywhere\nPIN_KEY=1\n")
    (project / "README").write_text("everywhere\n")
    here = store.vault(project)
    store.export(here, "note", b"canary-of-export")
    _git(project, "add", "--all")
    _git(project, "commit", "-qm", "one")
    well = invoke("secret.audit", "--json")
    assert well.code == 0, well.err
    assert "too short or no text: .env PIN_KEY" in well.err
    assert {item["name"] for item in json.loads(well.out)["items"]} >= {
        str(project),
        f"git history of {project}",
        "arguments of processes",
    }

    (project / "note").write_text(base64.b64encode(b"x canary-of-env").decode())
    _git(project, "add", "--all")
    _git(project, "commit", "-qm", "canary-of-export")
    (project.parent / "temporary/left").write_text(passphrase.reveal(here).reveal())
    found = invoke("secret.audit", "--json")

    data = json.loads(found.out)
    assert (found.code, data["ok"]) == (4, False)
    told = {one["message"] for one in data["findings"]}
    assert told == {
        ".env API_TOKEN stands here in clear, base64",
        "state/files/prod/note.age stands here in clear",
        "the passphrase stands here in clear",
    }
    assert "canary-of" not in found.out + found.err


def test_env_is_read(
    invoke: Callable[..., Any],
    project: Path,
    people: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The key of a person can be named in .env; what is refused there is told."""
    invoke("secret.init")
    monkeypatch.delenv(identities.VARIABLE)
    assert invoke("secret.show", "state/pulumi/prod.passphrase.age").code == 4
    (project / ".env").write_text(f"{identities.VARIABLE}={people['ana'].path}\n")

    assert invoke("secret.show", "state/pulumi/prod.passphrase.age").code == 0
    assert os.environ.pop(identities.VARIABLE) == str(people["ana"].path)
    (project / ".env").write_text("PATH=/tmp\n")
    ended = invoke("secret.show")
    assert (ended.code, ".env: error[refused-name]" in ended.err) == (2, True)


def test_hook_of_git(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook of the guide keeps git from committing a plain secret."""
    page = (ROOT / "docs/guides/secrets.md").read_text()
    script = page.split('```sh title=".git/hooks/pre-commit"\n')[1].split("```")[0]
    hook = project / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(script)
    hook.chmod(0o755)
    programs = project.parent / "programs"
    programs.mkdir()
    (programs / "invoke").write_text(
        f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -c "
        "'from toolbox.tasks.program import main; import sys; main([\"invoke\", *sys.argv[1:]])' "
        '"$@"\n'
    )
    (programs / "invoke").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)

    (project / "state").mkdir()
    (project / "state/key").write_text(PEM)
    _git(project, "add", "--all")
    refused = _git(project, "commit", "-qm", "one")
    (project / "state/key").unlink()
    _git(project, "add", "--all")
    accepted = _git(project, "commit", "-qm", "one")
    (project / "state/note").write_text("fine")
    _git(project, "add", "--all")
    assert _git(project, "commit", "-qm", "two").returncode == 0
    (project / "state/note").write_text(PEM)
    assert _git(project, "commit", "-qam", "three").returncode != 0
    assert _git(project, "commit", "-qm", "three", "state/note").returncode != 0

    assert refused.returncode != 0
    assert "state/key: error[plain-secret]" in refused.stderr
    assert accepted.returncode == 0, accepted.stderr
