"""project.check as a person and a pipeline call it."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = "variant: fcos\nversion: 1.6.0\n"
WELL = f"{HEAD}storage:\n  files:\n    - path: /a\n"
WRONG = f"{HEAD}storage:\n  files:\n    - path: a\n    - path: /b\n      mode: {{{{ mod }}}}\n"


@pytest.fixture
def project(folder: Path) -> Path:
    """Return a project of two hosts."""
    (folder / "project.yaml").write_text("name: example\n")
    for name in ("db", "web"):
        (folder / "hosts" / name).mkdir(parents=True)
        (folder / f"hosts/{name}.yaml").write_text("")
        (folder / f"hosts/{name}/main.bu").write_text(WELL)
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every use of the network, and of Pulumi and libvirt, fail."""

    def refuse(*_: object, **__: object) -> None:
        message = "this is to work offline"
        raise AssertionError(message)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr("toolbox.lib.simulation.up.ensure_identity", refuse)
    monkeypatch.setattr("toolbox.lib.machine.libvirt.connect", refuse)


@pytest.mark.usefixtures("offline")
def test_well(invoke: Callable[..., Any], project: Path) -> None:
    """A project that is well needs no keys, machines or network to be known as that."""
    ended = invoke("project.check")

    assert ended.code == 0
    assert "web   yes  0       0" in ended.out
    assert "all 2 hosts of example are well" in ended.err
    assert "next: " in ended.err
    assert not (project / "state").exists()


def test_wrong(invoke: Callable[..., Any], project: Path) -> None:
    """All mistakes of all hosts are told at once."""
    (project / "hosts/db/main.bu").write_text(WRONG)
    (project / "hosts/web/main.bu").write_text(WRONG.replace("{{ mod }}", "0644"))

    ended = invoke("project.check")

    assert ended.code == 1
    assert "hosts/db/main.bu:7: error[undefined-name]: mod is not defined (db)" in ended.err
    assert "hosts/web/main.bu:5:13: error[butane]: path not absolute (web)" in ended.err
    assert "error: 2 of 2 hosts cannot be made: db, web" in ended.err


def test_shared_mistake_once(
    invoke: Callable[..., Any], project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake that several hosts share is told once, with their names."""
    del project
    shared = tmp_path / "shipped/base/unit.bu"
    shared.parent.mkdir(parents=True)
    shared.write_text(f"{HEAD}storage:\n  files:\n    - path: b\n")
    monkeypatch.setenv("INFRA_BUTANE", str(tmp_path / "shipped"))

    ended = invoke("project.check", "--json")

    (finding,) = json.loads(ended.out)["findings"]
    assert (finding["file"], finding["line"]) == ("butane/base/unit.bu", 5)
    assert finding["hosts"] == ["db", "web"]


UNIT = f"{HEAD}systemd:\n  units:\n    - name: a.service\n      enabled: true\n      contents: |\n"
REFUSED = (
    f"{UNIT}        [Service]\n        Type=oneshot\n        [Install]\n        WantedBy=x.target\n"
)


@pytest.mark.needs("systemd-analyze")
@pytest.mark.usefixtures("offline")
def test_checks(invoke: Callable[..., Any], project: Path) -> None:
    """What the machine would refuse is a mistake, too, beside those of other hosts."""
    (project / "hosts/db/main.bu").write_text(REFUSED)
    (project / "hosts/web/main.bu").write_text(WRONG)

    ended = invoke("project.check")

    assert ended.code == 1
    assert "hosts/db/main.bu:8: error[unit-refused]: Service has no ExecStart=" in ended.err
    assert "hosts/web/main.bu:7: error[undefined-name]" in ended.err


@pytest.mark.usefixtures("offline")
def test_not_checked(
    invoke: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host is well though something could not be checked; who asks for checks is told."""
    (project / "hosts/db/main.bu").write_text(REFUSED)
    monkeypatch.setattr("toolbox.lib.butane.check.systemd.ANALYZE", "no-such-program")

    ended = invoke("project.check")

    assert ended.code == 0
    assert "hosts/db: info[not-checked]: not checked: units, as the program no-such" in ended.err


def test_some_hosts(invoke: Callable[..., Any], project: Path) -> None:
    """Only the hosts that are named are checked."""
    (project / "hosts/db/main.bu").write_text(WRONG)

    ended = invoke("project.check", "--hosts", "web", "--json")

    assert ended.code == 0
    assert [item["host"] for item in json.loads(ended.out)["items"]] == ["web"]


def test_json_and_annotations(
    invoke: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workflow of GitHub gets data on stdout and annotations beside it."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.parent))
    (project / "hosts/web/main.bu").write_text(f"{HEAD}storage:\n  files:\n    - path: a\n")

    ended = invoke("project.check", "--json")

    data = json.loads(ended.out)
    assert (ended.code, data["ok"], len(data["findings"])) == (1, False, 1)
    annotation = "::error file=here/hosts/web/main.bu,line=5,col=13::path not absolute"
    assert f"{annotation} (begin it with /) [web]\n" in ended.err


def test_mistakes_of_the_project(invoke: Callable[..., Any], project: Path) -> None:
    """What is wrong in the project's own files comes as the envelope, too."""
    (project / "hosts/web.yaml").write_text("ooss: debian\n")

    ended = invoke("project.check", "--json")

    data = json.loads(ended.out)
    assert (ended.code, data["schema"]) == (2, "infra-toolbox/project.check/1")
    assert (data["ok"], data["findings"][0]["file"]) == (False, "hosts/web.yaml")


def test_no_project(invoke: Callable[..., Any]) -> None:
    """Without a project nothing is checked in its place."""
    ended = invoke("project.check")

    assert ended.code == 2
    assert "there is no project.yaml here or above" in ended.err


def test_r_2_1_jinja_run_mistakes_are_told(invoke: Callable[..., Any], project: Path) -> None:
    """Where a template is wrong is printed, not only known."""
    (project / "hosts/web/main.bu").write_text(f"{HEAD}{{% if %}}\n")

    ended = invoke("project.check")

    assert ended.code == 1
    assert "hosts/web/main.bu:3: error[template-syntax]: " in ended.err


def test_2_4_butane_transpiler_is_strict(invoke: Callable[..., Any], project: Path) -> None:
    """What Butane only warns of is a mistake, and called one."""
    (project / "hosts/web/main.bu").write_text(f"{WELL}      moode: 0644\n")

    ended = invoke("project.check", "--json")

    (finding,) = json.loads(ended.out)["findings"]
    assert (ended.code, finding["severity"], finding["line"]) == (1, "error", 6)
