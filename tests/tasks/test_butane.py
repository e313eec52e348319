"""butane.translate as a person calls it."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = "variant: fcos\nversion: 1.6.0\n"
FILE = f"{HEAD}storage:\n  files:\n    - path: /a\n      contents:\n        inline: "
WARNED = f"{HEAD}storage:\n  files:\n    - path: /a\n      moode: 0644\n"


def _source(out: str) -> str:
    source: str = json.loads(out)["storage"]["files"][0]["contents"]["source"]
    return source


def test_file(invoke: Callable[..., Any], folder: Path) -> None:
    """The translation is on stdout, words about it are on stderr."""
    (folder / "x.bu").write_text(f"{FILE}'{{{{x}}}}'\n")

    ended = invoke("butane.translate", "x.bu")

    assert ended.code == 0
    assert _source(ended.out) == "data:,%7B%7Bx%7D%7D"
    assert ended.err.startswith("x.bu: Ignition, sha256-")


@pytest.mark.parametrize(
    ("name", "words", "source"),
    [
        ("x.bu", ["--set", "name=web"], "data:,web"),
        ("x.bu", ["--set", "name=a=b"], "data:,a%3Db"),
        ("x.bu", ["--set=name=web", "--set", "other=1"], "data:,web"),
        ("x.bu.j2", ["--set", "name=web"], "data:,web"),
    ],
)
def test_set(
    invoke: Callable[..., Any], folder: Path, name: str, words: list[str], source: str
) -> None:
    """What is set is seen by the template."""
    (folder / name).write_text(f"{FILE}'{{{{ name }}}}'\n")

    assert _source(invoke("butane.translate", name, *words).out) == source


@pytest.mark.parametrize(("name", "words"), [("x.bu", ["--template"]), ("x.bu.j2", [])])
def test_template(invoke: Callable[..., Any], folder: Path, name: str, words: list[str]) -> None:
    """A file can be a template though nothing is set; an unknown name is told with its line."""
    (folder / name).write_text(f"{FILE}'{{{{ name }}}}'\n")

    ended = invoke("butane.translate", name, *words)

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"{name}:7: error[undefined-name]: name is not defined\n")


def test_stdin(invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash is stdin."""
    given = io.TextIOWrapper(io.BytesIO(f"{FILE}x\n".encode()))
    monkeypatch.setattr(sys, "stdin", given)

    ended = invoke("butane.translate", "-")

    assert _source(ended.out) == "data:,x"
    assert ended.err.startswith("stdin: Ignition")


def test_json(invoke: Callable[..., Any], folder: Path) -> None:
    """The envelope holds the output and what is to say about it."""
    (folder / "x.bu").write_text(WARNED)

    data = json.loads(invoke("butane.translate", "x.bu", "--json").out)

    (item,), (finding,) = data["items"], data["findings"]
    assert (data["ok"], item["file"], item["kind"]) == (True, "x.bu", "Ignition")
    assert json.loads(item["output"])["ignition"]["version"] == "3.5.0"
    assert (finding["line"], finding["severity"]) == (6, "warning")


def test_strict(invoke: Callable[..., Any], folder: Path) -> None:
    """A warning is told, and with --strict the file is refused for it."""
    (folder / "x.bu").write_text(WARNED)

    lenient, strict = (
        invoke("butane.translate", "x.bu"),
        invoke("butane.translate", "x.bu", "--strict"),
    )

    assert (lenient.code, strict.code, strict.out) == (0, 1, "")
    warning = "x.bu:6:7: warning[unknown-key]: unused key moode\n"
    assert warning in lenient.err
    assert strict.err.startswith(f"{warning}error: x.bu is refused for its warnings")


@pytest.mark.needs("systemd-analyze")
def test_checks(invoke: Callable[..., Any], folder: Path) -> None:
    """What a machine would refuse is a warning, as Butane takes it, and an error with --strict."""
    unit = (
        f"{HEAD}systemd:\n  units:\n    - name: a.service\n      enabled: true\n      contents: |\n"
    )
    text = "[Service]\nType=oneshot\n[Install]\nWantedBy=x.target\n"
    lines = "".join(f"        {line}\n" for line in text.splitlines())
    (folder / "x.bu").write_text(unit + lines)
    head = "variant: openshift\nversion: 4.14.0\nmetadata:\n  name: x\n  labels:\n"
    role = "    machineconfiguration.openshift.io/role: worker\n"
    (folder / "y.bu").write_text(head + role + unit.removeprefix(HEAD) + lines)

    lenient = invoke("butane.translate", "x.bu")
    strict = invoke("butane.translate", "x.bu", "--strict")
    machine_config = invoke("butane.translate", "y.bu")

    assert (lenient.code, strict.code, strict.out) == (0, 1, "")
    assert "x.bu:8: warning[unit-refused]: Service has no ExecStart=" in lenient.err
    assert "x.bu:8: error[unit-refused]: Service has no ExecStart=" in strict.err
    assert "error: x.bu is refused: it has 1 mistake" in strict.err
    assert "y.bu:12: warning[unit-refused]: Service has no ExecStart=" in machine_config.err


def test_annotated_warning(
    invoke: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On GitHub a warning about a file that is accepted is an annotation."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (folder / "x.bu").write_text(WARNED)

    ended = invoke("butane.translate", "x.bu", "--json")

    assert json.loads(ended.out)["ok"]
    assert ended.err.startswith("::warning file=x.bu,line=6,col=7::unused key moode\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "error: which file?"),
        (["y.bu"], "error: there is no file y.bu\n\nhint: did you mean x.bu?"),
        (["no/y.bu"], "error: there is no file no/y.bu\n\nhint: there is no folder no"),
        (["."], "error: . cannot be read: Is a directory"),
        (["x.bu", "--set", "name"], "error: --set name is not NAME=VALUE"),
        (["x.bu", "--set", "a b=c"], "error: --set a b=c is not NAME=VALUE"),
        (["x.bu", "--set", "a=1", "--set", "a=2"], "error: a is set twice"),
    ],
)
def test_wrong_calls(invoke: Callable[..., Any], folder: Path, words: list[str], told: str) -> None:
    """A wrong call is an error of the call."""
    (folder / "x.bu").write_text(WARNED)

    ended = invoke("butane.translate", *words)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(told)
