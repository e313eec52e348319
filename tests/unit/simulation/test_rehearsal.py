"""A loss is rehearsed with real git and real age; Pulumi and machines are stood in for."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import HabitatError, ToolboxError, UsageError, VerificationError
from toolbox.lib.core.files import state_home
from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.load import load
from toolbox.lib.machine import libvirt
from toolbox.lib.pki import standin
from toolbox.lib.simulation import operate, rehearsal
from toolbox.lib.simulation.rehearsal import Rehearsal, Row, State, Wish, key_file, rehearse
from toolbox.lib.stack import kept
from toolbox.lib.vault import identities, passphrase, store
from toolbox.lib.verify.run import Proof

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from toolbox.lib.inventory.project import Project
    from toolbox.lib.pki.identity import Identity

pytestmark = pytest.mark.needs("git", "age", "ssh-keygen", "butane", "ignition-validate")
STATE = "state/pulumi/.pulumi/stacks/shop/prod-identity.json"
PASSPHRASE = "state/pulumi/prod.passphrase.age"
MAIN = (
    "variant: fcos\nversion: 1.6.0\nstorage:\n  files:\n    - path: /etc/key\n      contents:\n"
    "        inline: {{ (TLS_KEY ~ utc_now()) | tojson }}\n    - path: /etc/data\n"
    "      contents:\n        local: data\n"
)
SECRETS = Wish(boot=False)


@dataclass
class Stack:
    """An identity whose state is a file: its content tells which one it is."""

    root: Path
    stack: str = "prod-identity"

    @property
    def workspace(self) -> Stack:
        """What knows the stacks."""
        return self

    def stacks(self) -> tuple[str, ...]:
        """Return the stacks that there are."""
        return (self.stack,) if (self.root / STATE).exists() else ()

    def read(self) -> Identity:
        """Return the identity."""
        whole = standin.identity(["web"])
        if (self.root / STATE).read_text() == "first":
            return whole
        return replace(whole, provision_key=Secret("other"))


def real(project: Project, stack: str) -> Stack:
    """Open the vault as the real one does, and return a stand-in for what Pulumi has."""
    assert passphrase.reveal(store.vault(project.root, stack))
    return Stack(project.root)


@pytest.fixture
def key(
    pair: Callable[..., Any], habitat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Return the key of the person here, which is at its usual place and the only one."""
    del habitat
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv(identities.VARIABLE, raising=False)
    (tmp_path / "home/.ssh").mkdir(parents=True)
    path = tmp_path / "home/.ssh/id_ed25519"
    path.write_bytes(pair("ana").path.read_bytes())
    path.chmod(0o600)
    return path


@pytest.fixture
def root(
    key: Path, pair: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Return a project with sealed secrets and a state, all of it committed."""
    del key
    monkeypatch.setattr(kept, "real", real)
    folder = tmp_path / "shop"
    for name, text in {
        "project.yaml": "name: shop\n",
        "hosts/web.yaml": "",
        "hosts/web/main.bu": MAIN,
        "hosts/web/data": "data",
        "authorized_keys": f"{pair('ana').line}\n",
        STATE: "first",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    vault = store.vault(folder)
    passphrase.make(vault, store.members(folder).recipients)
    store.export(vault, "client.p12", b"sealed")
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    commit(folder)
    return folder


def commit(root: Path, *but: str) -> None:
    """Commit all of a project but some files."""
    git(root, "add", "--all")
    for name in but:
        git(root, "rm", "--quiet", "--cached", name)
    git(root, "commit", "--quiet", "--allow-empty", "-m", "x")


def git(root: Path, *words: str) -> None:
    """Run git in a project."""
    named = ["git", "-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-C", root]
    subprocess.run([*named, *words], check=True)


def states(found: Rehearsal) -> dict[str, str]:
    """Return what became of each thing."""
    return {row.what: str(row.state) for row in found.rows}


def errors(found: Rehearsal) -> list[tuple[str | None, str]]:
    """Return the findings that are errors."""
    return [(one.file, one.code) for one in found.findings if one.severity == "error"]


def nothing_left() -> bool:
    """Tell whether no scratch folder is left."""
    return not list(state_home().glob(f"{rehearsal.KIND}-*"))


def test_whole(root: Path, key: Path) -> None:
    """What is committed and one key give back every key and config, and nothing stays."""
    before = dict(os.environ)

    found = rehearse(root, SECRETS)

    assert found.problem() is None
    assert set(states(found).values()) == {"recovered"}
    assert {"passphrase", "root", "key that logs in", "ssh key of web"} < set(states(found))
    assert "state/files/prod/client.p12.age" in states(found)
    (opened,) = (row for row in found.rows if row.what == "passphrase")
    assert opened == Row("passphrase", PASSPHRASE, State.RECOVERED, f"opened with {key}")
    (config,) = (row for row in found.rows if row.what == "config of web")
    assert config.detail.startswith("sha256-")
    assert dict(os.environ) == before
    assert nothing_left()


def test_passphrase_not_committed(root: Path) -> None:
    """A passphrase that git does not have is lost; nobody is told to make a new one."""
    commit(root, PASSPHRASE)

    found = rehearse(root, SECRETS)

    problem = found.problem()
    assert isinstance(problem, VerificationError)
    assert problem.exit_code == 4
    assert states(found) == {"project": "recovered", "passphrase": "lost"}
    assert (PASSPHRASE, "uncommitted") in errors(found)
    assert not [one for one in found.findings if "secret.init" in (one.hint or "")]
    assert nothing_left()


@pytest.mark.parametrize(
    ("pattern", "name", "lost"),
    [
        ("*.p12.age", "state/files/prod/client.p12.age", ""),
        ("/state/pulumi/.pulumi/", STATE, "keys of real machines"),
        ("data", "hosts/web/data", "config of web"),
    ],
)
def test_ignored(root: Path, pattern: str, name: str, lost: str) -> None:
    """What a pattern keeps out of git is found, be it an export, the state or a host's file."""
    (root / ".gitignore").write_text(f"{pattern}\n")
    commit(root, name)

    found = rehearse(root, SECRETS)

    assert isinstance(found.problem(), VerificationError)
    assert errors(found)
    assert not lost or states(found)[lost] == "lost"
    assert nothing_left()


def test_older_state(root: Path) -> None:
    """Keys that were made since the last commit are other than those of the clone."""
    (root / STATE).write_text("second")

    found = rehearse(root, SECRETS)

    assert states(found)["key that logs in"] == "other"
    assert states(found)["root"] == "recovered"
    assert (STATE, "uncommitted") in errors(found)


def test_changed_template(root: Path) -> None:
    """A template that was changed since makes another config, and is named."""
    (root / "hosts/web/data").write_text("other")

    found = rehearse(root, SECRETS)

    assert states(found)["config of web"] == "other"
    assert "hosts/web/data" in {one.file for one in found.findings}
    assert errors(found) == []
    assert not found.whole


def test_broken_project(root: Path) -> None:
    """A project that cannot be read from the clone is told with its places."""
    (root / "project.yaml").write_text("name: [\n")
    commit(root)
    (root / "project.yaml").write_text("name: shop\n")

    found = rehearse(root, SECRETS)

    assert states(found) == {"project": "lost"}
    assert ("project.yaml", "uncommitted") not in errors(found)
    assert any(file == "project.yaml" for file, _code in errors(found))


def test_before_secrets(root: Path) -> None:
    """A project without secrets of real machines has none to recover."""
    git(root, "rm", "-r", "--quiet", "state")
    commit(root)

    found = rehearse(root, SECRETS)

    assert states(found)["keys of real machines"] == "not tried"
    assert found.problem() is None


def test_wrong_key(root: Path, pair: Callable[..., Any], tmp_path: Path) -> None:
    """A key that is no recipient is refused with what to do, and so is a file that is no key."""
    with pytest.raises(VerificationError, match="none of the keys here opens") as refused:
        rehearse(root, replace(SECRETS, key=str(pair("mallory").path)))
    assert "secret.add" in (refused.value.hint or "")
    with pytest.raises(UsageError, match="there is no private key"):
        rehearse(root, replace(SECRETS, key=str(tmp_path / "nothing")))


def test_key(root: Path, key: Path, pair: Callable[..., Any]) -> None:
    """Of several usual keys the one is taken that fits; a named one goes before."""
    vault, other = store.vault(root), pair("bob")
    rsa = key.with_name("id_rsa")
    rsa.write_bytes(other.path.read_bytes())

    assert key_file(vault, "") == key
    key.rename(key.with_name("elsewhere"))
    assert key_file(vault, "") == rsa
    assert key_file(vault, str(other.path)) == other.path
    rsa.unlink()
    assert key_file(vault, "") is None


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stand in for machines; return what was asked of them, and what the next one does."""
    asked: dict[str, Any] = {"fails": None, "outcome": "passed", "cleaned": [], "up": []}

    @contextmanager
    def up(project: Project, options: Any) -> Iterator[Any]:
        asked["up"].append((project.root, options, dict(os.environ)))
        if asked["fails"]:
            raise asked["fails"]
        machine = type("Machine", (), {"host": project.hosts[0], "action": "made"})()
        yield type("Simulation", (), {"machines": (machine,)})()

    def prove(*_: object) -> tuple[Proof, ...]:
        return (
            Proof("web", "a", "boots", "passed", 1.0),
            Proof("web", "b", "serves", asked["outcome"], 1.0, "no answer"),
        )

    monkeypatch.setattr(rehearsal, "up", up)
    monkeypatch.setattr(rehearsal, "prove", prove)
    monkeypatch.setattr(libvirt, "connect", lambda: None)
    monkeypatch.setattr(operate, "clean", asked["cleaned"].append)
    changes = type("Changes", (), {"sentence": lambda _: "no change"})
    monkeypatch.setattr(Stack, "preview", lambda _: changes(), raising=False)
    return asked


def test_machines(root: Path, machines: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines boot from the clone, where nothing of the person is but the key, and are removed."""
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "mine")

    found = rehearse(root, Wish())

    ((place, _options, environment),) = machines["up"]
    assert found.problem() is None
    assert states(found)["machine web"] == "recovered"
    assert states(found)["stack prod-identity"] == "recovered"
    assert place.name == rehearsal.CLONE
    assert "PULUMI_CONFIG_PASSPHRASE" not in environment
    assert environment["HOME"] != os.environ["HOME"]
    assert machines["cleaned"] == [place]
    assert nothing_left()


def test_not_booted(root: Path, machines: dict[str, Any]) -> None:
    """Where something is lost no machine is booted, as that takes long."""
    commit(root, PASSPHRASE)

    assert states(rehearse(root, Wish()))["machines"] == "not tried"
    assert machines["up"] == []


def test_failed_check(root: Path, machines: dict[str, Any]) -> None:
    """A check that fails says nothing about git: the task ends with 1 and tells the check."""
    machines["outcome"] = "failed"

    found = rehearse(root, Wish())

    problem = found.problem()
    assert states(found)["machine web"] == "failed"
    assert type(problem) is ToolboxError
    assert "web: serves\nno answer" in problem.message


def test_failed_boot(root: Path, machines: dict[str, Any]) -> None:
    """A machine that does not boot is told after what was recovered; its remains are removed."""
    machines["fails"] = ToolboxError("web: no boot\nits console says why")

    found = rehearse(root, Wish())

    assert found.problem() is machines["fails"]
    assert found.rows[-1] == Row("machines", "hosts", State.FAILED, "web: no boot")
    assert machines["cleaned"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), HabitatError("no room")])
def test_cut_off(root: Path, machines: dict[str, Any], error: BaseException) -> None:
    """Interrupted, or where this place cannot do it, all is removed and the reason told."""
    machines["fails"] = error
    before = dict(os.environ)

    with pytest.raises(type(error)):
        rehearse(root, Wish())

    assert machines["cleaned"]
    assert nothing_left()
    assert dict(os.environ) == before


def test_killed(root: Path, machines: dict[str, Any]) -> None:
    """Machines that a killed rehearsal has left are removed by the next one."""
    left = state_home() / f"{rehearsal.KIND}-dead"
    left.mkdir(parents=True)
    (left / rehearsal.ROOT).write_text(str(left / "clone"))

    rehearse(root, SECRETS)

    assert machines["cleaned"][0] == left / "clone"
    assert nothing_left()


def test_other_project(root: Path) -> None:
    """A host that the project does not have is refused at once."""
    wish = replace(SECRETS, options=rehearsal.Options(hosts=("wbe",)))

    assert load(root).hosts
    with pytest.raises(UsageError, match="no host wbe"):
        rehearse(root, wish)
