"""host.render, host.ignition and host.why as a person calls them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import pytest

from toolbox.lib.butane.bootstrap import HASH_FILE
from toolbox.lib.core.files import state_home
from toolbox.lib.pki import standin
from toolbox.lib.reconfigure.history import firstboot
from toolbox.lib.simulation import keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolbox.lib.pki.identity import Identity

HEAD = "variant: fcos\nversion: 1.6.0\n"
FILE = "storage:\n  files:\n    - path: /etc/key\n      contents:\n        inline: "
MAIN = HEAD + FILE + "{{ TLS_KEY | tojson }}\n"
PACKED = MAIN.replace("TLS_KEY", "(TLS_KEY * 40)")
"""So long that Butane compresses it."""


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project of two hosts with keys."""
    (folder / "hosts/web").mkdir(parents=True)
    (folder / "project.yaml").write_text("name: example\n")
    (folder / "hosts/web.yaml").write_text("")
    (folder / "hosts/db.yaml").write_text("")
    (folder / "hosts/web/main.bu").write_text(MAIN)
    monkeypatch.setattr(keys, "made", lambda _project: standin.identity(["web", "db"]))
    monkeypatch.setattr(keys, "known", lambda _project: standin.identity(["web", "db"]))
    monkeypatch.setattr(keys, "real", _real)
    return folder


def _real(_project: Any, _hosts: Any, stack: str = "prod") -> Identity:
    """Return other keys than those of the simulation."""
    assert stack in {"prod", "staging"}
    identity = standin.identity(["web", "db"])
    return replace(identity, hosts={"web": identity.hosts["db"], "db": identity.hosts["web"]})


def _secrets() -> list[str]:
    web = standin.identity(["web"]).hosts["web"]
    return [key.reveal().splitlines()[1] for key in (web.tls_key, web.ssh_host_key)]


def test_render(invoke: Callable[..., Any], project: Path) -> None:
    """The merged config is data on stdout, its keys masked."""
    del project
    ended = invoke("host.render", "web")

    assert ended.code == 0
    assert ended.out.startswith("variant: fcos\n")
    assert "path: /etc/key" in ended.out
    assert '"***"' in ended.out
    assert not [secret for secret in _secrets() if secret in ended.out + ended.err]
    assert "next: " in ended.err


def test_render_secrets(invoke: Callable[..., Any], project: Path) -> None:
    """Who asks for the keys gets them."""
    del project
    ended = invoke("host.render", "web", "--secrets")

    assert all(secret in ended.out for secret in _secrets())


@pytest.mark.parametrize("words", [["web", "db"], ["web,db"], ["--hosts", "web", "--hosts=db"]])
def test_render_several(invoke: Callable[..., Any], project: Path, words: list[str]) -> None:
    """Several hosts are several documents, and several items."""
    del project
    ended, data = invoke("host.render", *words), invoke("host.render", *words, "--json")

    assert ended.out.count("variant: fcos\n") == 2
    assert ended.out.count("---\n") == 1
    assert [item["host"] for item in json.loads(data.out)["items"]] == ["web", "db"]


def test_render_without_keys(
    invoke: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before there are keys stand-ins are shown, and said to be."""
    del project
    monkeypatch.setattr(keys, "known", lambda _project: None)

    ended = invoke("host.render", "web")

    assert standin.COMMENT in ended.out
    assert "this project has no keys yet" in ended.err


def test_which_host(invoke: Callable[..., Any], project: Path) -> None:
    """Of several hosts one has to be named, and it has to be one."""
    del project
    for words, told in ([], "which host is meant?"), (["wbe"], "example has no host wbe"):
        ended = invoke("host.render", *words)

        assert (ended.code, ended.out) == (2, "")
        assert told in ended.err
        assert "hint: " in ended.err


@pytest.mark.parametrize("main", [MAIN, PACKED])
def test_ignition(invoke: Callable[..., Any], project: Path, main: str) -> None:
    """The config is on stdout byte for byte, so that a file of it has the hash that is told."""
    (project / "hosts/web/main.bu").write_text(main)

    ended, masked = invoke("host.ignition", "web"), invoke("host.ignition", "web", "--json")
    (item,) = json.loads(masked.out)["items"]

    digest = f"sha256-{hashlib.sha256(ended.out.encode()).hexdigest()}"
    assert json.loads(ended.out)["ignition"]
    assert f"web: {digest}\n" in ended.err
    assert item["sha256"] == digest
    assert "it holds private keys" in ended.err
    assert "it holds private keys" not in masked.err


def test_ignition_real(invoke: Callable[..., Any], project: Path) -> None:
    """A real machine's config has the real keys, and a record for the first change of it."""
    del project
    real = invoke("host.ignition", "web", "--stack", "prod")
    data = invoke("host.ignition", "web", "--stack=prod", "--json", "--secrets")
    (item,) = json.loads(data.out)["items"]

    digest = f"sha256-{hashlib.sha256(real.out.encode()).hexdigest()}"
    assert item["sha256"] == digest
    assert item["ignition"] == json.loads(real.out)
    own = _merged(item)
    assert f"sha256-{hashlib.sha256(own).hexdigest()}" == item["config"]
    assert _real_key() in _unpacked(json.loads(own))
    paths = {file["path"] for file in item["ignition"]["storage"]["files"]}
    assert {firstboot.RECORD, firstboot.PATHS, HASH_FILE} == paths
    assert f"web: {digest}\n" in real.err
    assert "prod.serve web hands over just the same" in real.err


def test_ignition_real_masked(invoke: Callable[..., Any], project: Path) -> None:
    """Without --secrets no key of a real machine is in the envelope."""
    del project
    (item,) = json.loads(invoke("host.ignition", "web", "--stack", "prod", "--json").out)["items"]
    own = _unpacked(json.loads(_merged(item)))

    assert "***" in own
    assert not [secret for secret in (*_secrets(), _real_key()) if secret in own]


def test_ignition_keeps_secrets(invoke: Callable[..., Any], project: Path) -> None:
    """What a real machine begins with may be wanted back, so its secrets are kept, sealed."""
    del project
    invoke("host.ignition", "web")
    assert not (state_home() / "vaults").exists()
    invoke("host.ignition", "web", "--stack", "prod")

    kept = [path for path in (state_home() / "vaults").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if standin.LABEL.encode() in path.read_bytes()]


def test_render_real(invoke: Callable[..., Any], project: Path) -> None:
    """The Butane config of a real machine has its keys, masked where they are not asked for."""
    del project
    masked = invoke("host.render", "web", "--stack", "staging")
    clear = invoke("host.render", "web", "--stack", "staging", "--secrets")

    assert _real_key() in clear.out
    assert '"***"' in masked.out
    assert _real_key() not in masked.out


def _real_key() -> str:
    return _real(None, None).hosts["web"].tls_key.reveal().splitlines()[1]


def _merged(item: dict[str, Any]) -> bytes:
    """Return the host's own config, which the one for its first boot brings."""
    (merged,) = item["ignition"]["ignition"]["config"]["merge"]
    return gzip.decompress(base64.b64decode(merged["source"].partition(",")[2]))


@pytest.mark.parametrize("main", [MAIN, PACKED])
def test_ignition_masked(invoke: Callable[..., Any], project: Path, main: str) -> None:
    """The envelope holds no key, however a config packs it; asked for it holds all."""
    (project / "hosts/web/main.bu").write_text(main)

    masked = invoke("host.ignition", "web", "--json")
    clear = invoke("host.ignition", "web", "--json", "--secrets")

    assert not [secret for secret in _secrets() if secret in _contents(masked.out)]
    assert all(secret in _contents(clear.out) for secret in _secrets())


def _contents(out: str) -> str:
    """Return what the files of a config hold, unpacked."""
    (item,) = json.loads(out)["items"]
    return _unpacked(item["ignition"])


def _unpacked(config: dict[str, Any]) -> str:
    texts = []
    for file in config["storage"]["files"]:
        _, _, data = file["contents"]["source"].partition(",")
        encoded = ";base64," in file["contents"]["source"]
        body = base64.b64decode(data) if encoded else unquote_to_bytes(data)
        packed = file["contents"].get("compression") == "gzip"
        texts.append((gzip.decompress(body) if packed else body).decode())
    return "\n".join(texts)


def test_ignition_on_a_terminal(
    invoke: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Private keys are not printed onto a terminal by mistake."""
    del project
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    refused = invoke("host.ignition", "web")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    wanted = invoke("host.ignition", "web", "--secrets")

    assert (refused.code, refused.out) == (2, "")
    assert "this is a terminal" in refused.err
    assert wanted.code == 0
    assert json.loads(wanted.out)


def test_ignition_refused(invoke: Callable[..., Any], project: Path) -> None:
    """What is wrong is told with its line, and nothing is printed."""
    (project / "hosts/web/main.bu").write_text(f"{HEAD}storage:\n  files:\n    - path: a\n")

    ended = invoke("host.ignition", "web", "db")

    assert (ended.code, ended.out) == (1, "")
    assert "hosts/web/main.bu:5:13: error[butane]: path not absolute" in ended.err
    assert "error: the config of web is refused" in ended.err


@pytest.mark.needs("shellcheck")
def test_ignition_checked(
    invoke: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a machine would refuse is refused, what it is warned of is told, infos are not."""
    main = f'{HEAD}{FILE}"#!/bin/sh\\ncd /nowhere\\n%s"\n'
    (project / "hosts/web/main.bu").write_text(main % "")
    warned = invoke("host.ignition", "web")
    (project / "hosts/web/main.bu").write_text(main % "fi")
    refused = invoke("host.ignition", "web")
    monkeypatch.setattr("toolbox.lib.butane.check.shell.SHELLCHECK", "no-such-program")
    (project / "hosts/web/main.bu").write_text(main % "")
    unchecked = invoke("host.ignition", "web", "--json")

    assert (warned.code, unchecked.code, refused.code, refused.out) == (0, 0, 1, "")
    assert warned.err.count("hosts/web/main.bu:7: warning[SC2164]") == 1
    assert "error[shell-syntax]" in refused.err
    assert "info[" not in unchecked.err
    (told,) = json.loads(unchecked.out)["findings"]
    assert (told["severity"], told["code"]) == ("info", "not-checked")


def test_why(invoke: Callable[..., Any], project: Path) -> None:
    """Who put something there is told for all hosts, those with one answer together."""
    del project
    ended, own = invoke("host.why", "/etc/hostname"), invoke("host.why", "/etc/key")

    assert ended.code == 0
    assert "db, web  file /etc/hostname  butane/base/unit.bu:" in ended.out
    assert "db    nothing" in own.out
    assert "web   file /etc/key  hosts/web/main.bu:5:7  contents" in own.out


def test_why_json(invoke: Callable[..., Any], project: Path) -> None:
    """The answer as data."""
    del project
    (item,) = json.loads(invoke("host.why", "/etc/key", "--json").out)["items"]

    assert item == {
        "host": "web",
        "kind": "file",
        "name": "/etc/key",
        "layer": "hosts/web",
        "file": "hosts/web/main.bu",
        "line": 5,
        "column": 7,
        "holds": True,
        "sets": ["contents"],
        "overruled": [],
        "source": None,
        "mark": "",
        "removes": [],
    }


def test_why_nothing(invoke: Callable[..., Any], project: Path) -> None:
    """What nobody put there is a failure, with what may be meant."""
    del project
    ended = invoke("host.why", "/etc/hostnam", "--hosts", "web")

    assert (ended.code, ended.out) == (1, "")
    assert (
        "error: nothing puts /etc/hostnam on web\n\nhint: did you mean /etc/hostname?" in ended.err
    )


def test_why_of_what(invoke: Callable[..., Any], project: Path) -> None:
    """One has to say what is meant."""
    del project
    ended = invoke("host.why")

    assert ended.code == 2
    assert "which path or unit?" in ended.err


def test_r_2_1_dict_get_bool_stdout_is_data_only(invoke: Callable[..., Any], project: Path) -> None:
    """Nothing but the config is on stdout, whatever its templates ask."""
    main = f"{HEAD}{{% if yes is defined and yes %}}{{% endif %}}storage: {{}}\n"
    (project / "hosts/web/main.bu").write_text(main)

    ended = invoke("host.render", "web")

    lines = [line for line in ended.out.splitlines() if not line.startswith(" ")]
    assert lines == ["variant: fcos", "version: 1.6.0", "passwd:", "storage:"]
