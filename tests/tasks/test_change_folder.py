"""Configs are applied into folders, and machines are looked at, with nothing heavy in the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import toolbox
from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.load import load
from toolbox.lib.pki import standin
from toolbox.lib.simulation import keys, layout
from toolbox.lib.stack import settled
from toolbox.lib.vault import age, identities
from toolbox.lib.vault.store import vault

if TYPE_CHECKING:
    from collections.abc import Callable

BUTANE = """\
variant: fcos
version: 1.6.0
storage:
  files:
    - path: /etc/motd
      contents:
        inline: hello
"""


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a project of two hosts, with keys."""
    (folder / "hosts/web").mkdir(parents=True)
    (folder / "project.yaml").write_text("name: example\n")
    (folder / "hosts/web.yaml").write_text("")
    (folder / "hosts/db.yaml").write_text("")
    (folder / "hosts/web/main.bu").write_text(BUTANE)
    monkeypatch.setattr(keys, "held", lambda _project: standin.identity(["web", "db"]))


@pytest.mark.needs("butane", "ignition-validate")
@pytest.mark.usefixtures("project")
def test_apply_into_a_folder(invoke: Callable[..., Any], machine: Path) -> None:
    """A host's config is applied into a folder, which no machine is asked for."""
    ended = invoke("host.apply", "web", "--root", str(machine))

    assert ended.code == 0
    assert (machine / "etc/motd").read_text() == "hello"
    assert "+ /etc/motd  file 0644" in ended.out
    assert invoke("host.apply", "--root", str(machine)).code == 2


@pytest.mark.needs("butane", "ignition-validate")
def test_butane_apply(invoke: Callable[..., Any], folder: Path) -> None:
    """One file is applied into a folder; what is gone from it later goes from there."""
    file, root = folder / "config.bu", folder / "machine"
    file.write_text(BUTANE)
    assert invoke("butane.apply", "config.bu", "--root", "machine").code == 0
    file.write_text(BUTANE.replace("motd", "issue"))

    ended = invoke("butane.apply", "config.bu", "--root", "machine", "--json")

    (item,) = json.loads(ended.out)["items"]
    assert {node["path"]: node["change"] for node in item["nodes"]} == {
        "/etc/issue": "added",
        "/etc/motd": "removed",
    }
    assert (root / "etc/issue").read_text() == "hello"
    assert not (root / "etc/motd").exists()
    assert (item["generation"], item["engine"]) == (2, "direct")


def test_butane_apply_ignition(invoke: Callable[..., Any], folder: Path) -> None:
    """An Ignition config needs no Butane."""
    files = [{"path": "/etc/motd", "contents": {"source": "data:,hello"}}]
    config = {"ignition": {"version": "3.4.0"}, "storage": {"files": files}}
    (folder / "config.ign").write_text(json.dumps(config))

    assert invoke("butane.apply", "config.ign", "--root", "machine").code == 0
    assert (folder / "machine/etc/motd").read_text() == "hello"


@pytest.mark.parametrize("words", [["x.bu"], ["--root", "m"], ["no.bu", "--root", "m"]])
@pytest.mark.usefixtures("folder")
def test_butane_apply_what(invoke: Callable[..., Any], words: list[str]) -> None:
    """A file and a folder are needed."""
    assert invoke("butane.apply", *words).code == 2


@pytest.fixture
def machine(folder: Path) -> Path:
    """Return a folder that has the accounts of a machine."""
    root = folder / "machine"
    (root / "etc").mkdir(parents=True)
    (root / "home/core").mkdir(parents=True)
    for name, text in (
        ("passwd", "root:x:0:0::/root:/bin/sh\ncore:x:1000:1000::/home/core:/bin/sh\n"),
        ("group", "root:x:0:\ncore:x:1000:\n"),
        ("shadow", "root:*:::::::\ncore:*:::::::\n"),
        ("gshadow", "root:*::\ncore:*::\n"),
    ):
        (root / "etc" / name).write_text(text)
    return root


CALL = """
import json, sys
from toolbox.tasks.program import main
try:
    main(["invoke", *sys.argv[1:]])
except SystemExit as end:
    print(json.dumps([end.code, sorted(sys.modules)]), file=sys.stderr)
"""
SSH = """\
while :; do
    case $1 in
    -O) exit 0 ;;
    web*) break ;;
    esac
    shift
done
touch "here.$1"
while [ "$(ls here.* | wc -l)" -lt "$(ls hosts/*.yaml | wc -l)" ]; do sleep 0.1; done
shift
exec sh -c "$*"
"""
"""Reaches this place instead of a machine, when all machines are being reached."""
HEAVY = {"grpc", "libvirt", "pulumi", "pulumi_libvirt", "pytest", "salt", "testinfra"}


@pytest.fixture(params=[1])
def remembered(
    folder: Path,
    request: pytest.FixtureRequest,
    pair: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Remember keys as the engine does, of hosts whose machine is this place."""
    names = [f"web{number}" for number in range(request.param)]
    (folder / "hosts").mkdir()
    (folder / "butane").mkdir()
    (folder / "project.yaml").write_text("name: example\n")
    for name in names:
        (folder / f"hosts/{name}.yaml").write_text("address: 127.0.0.1\n")
    (folder / "butane/main.bu").write_text(BUTANE.replace("/etc/motd", "/nowhere/motd"))
    project = load(folder)
    pems = standin.identity(names).hosts["web0"]
    host = {
        "ssh_host_key": pems.ssh_host_key.reveal(),
        "ssh_host_public_key": pems.ssh_host_public_key,
        "tls_key": pems.tls_key.reveal(),
        "tls_certificate": pems.tls_certificate,
    }
    outputs = {
        "ca_certificate": "ca",
        "provision_key": Secret("k").reveal(),
        "provision_public_key": pems.ssh_host_public_key,
        "hosts": dict.fromkeys(names, host),
    }
    stack = [{"type": "pulumi:pulumi:Stack", "outputs": outputs}]
    workspace, real = layout.of(project).workspace, vault(folder)
    for state in (workspace._state(layout.IDENTITY), real.state("example", "prod-identity")):
        state.parent.mkdir(parents=True)
        state.write_text(json.dumps({"checkpoint": {"latest": {"resources": stack}}}))
    real.passphrase.write_bytes(age.HEADER)
    monkeypatch.setenv(identities.VARIABLE, str(pair("ana").path))
    memory = workspace.folder / f"{layout.IDENTITY}.settled"
    settled.remember(memory, "digest", keys.program(project))


def _call(folder: Path, fake: Callable[[str, str], Path], *words: str) -> tuple[str, set[str]]:
    """Call a task in a process of its own; return what it printed and the modules it loaded."""
    fake("ssh", SSH)
    fake("ssh-add", "cat >/dev/null")
    fake("pulumi", "exit 1")
    fake("age", "echo passphrase")
    done = subprocess.run(
        [sys.executable, "-P", "-c", CALL, *words],
        env={**os.environ, "PYTHONPATH": str(Path(toolbox.__file__).parents[1]), "USER": "root"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    return done.stdout, set(modules)


@pytest.mark.needs("butane", "ignition-validate", "ssh-agent")
@pytest.mark.usefixtures("remembered", "machine")
@pytest.mark.parametrize("words", [["host.plan"], ["host.apply", "--root", "machine"]])
def test_nothing_heavy(folder: Path, fake: Callable[[str, str], Path], words: list[str]) -> None:
    """Neither Pulumi's engine nor a hypervisor nor a test runner is in the way of a change."""
    out, modules = _call(folder, fake, *words)

    assert "/nowhere/motd" in out
    assert not HEAVY & modules


@pytest.mark.needs("butane", "ignition-validate", "ssh-agent")
@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize("remembered", [20], indirect=True)
def test_twenty_at_once(folder: Path, fake: Callable[[str, str], Path]) -> None:
    """Many machines are looked at together: here none answers before all are asked."""
    out, _ = _call(folder, fake, "host.plan")

    assert out.count("+ /nowhere/motd  file 0644") == 20
