"""Findings read as compilers' do, and data comes in one envelope."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from toolbox.lib.core.report import Finding, Severity, envelope
from toolbox.lib.core.secret import Secret


@dataclass(frozen=True, slots=True)
class Thing:
    """An item."""

    name: str
    secret: Secret | None = None


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        (("hosts/web/main.bu", 12, 3), "hosts/web/main.bu:12:3: "),
        (("hosts/web/main.bu", 12, None), "hosts/web/main.bu:12: "),
        (("hosts/web/main.bu", None, None), "hosts/web/main.bu: "),
        ((None, None, None), ""),
    ],
)
def test_render(place: tuple[str | None, int | None, int | None], shown: str) -> None:
    """A finding begins with as much of its place as is known."""
    finding = Finding(*place, Severity.ERROR, "undefined-name", "no such name")

    assert finding.render() == f"{shown}error[undefined-name]: no such name"


def test_render_hint() -> None:
    """A hint stands on a line of its own."""
    finding = Finding("a", 1, 1, Severity.WARNING, "x", "y", hint="do z")

    assert finding.render() == "a:1:1: warning[x]: y\n  hint: do z"


@pytest.mark.parametrize(
    ("hosts", "shown"),
    [
        ((), ""),
        (("web",), " (web)"),
        (("a", "b", "c"), " (a, b, c)"),
        (("a", "b", "c", "d", "e"), " (a, b, c and 2 more)"),
    ],
)
def test_render_hosts(hosts: tuple[str, ...], shown: str) -> None:
    """The hosts that a finding concerns are named, of many only the first."""
    finding = Finding("a", 1, 1, Severity.WARNING, "x", "y", hosts=hosts)

    assert finding.render() == f"a:1:1: warning[x]: y{shown}"


def test_envelope() -> None:
    """Mappings and dataclasses become JSON under a schema that has a version."""
    finding = Finding(None, None, None, Severity.INFO, "x", "y")

    data = envelope("sim.list", ok=True, items=[Thing("a"), {"name": "b"}], findings=[finding])

    assert json.loads(json.dumps(data)) == {
        "schema": "infra-toolbox/sim.list/1",
        "ok": True,
        "items": [{"name": "a", "secret": None}, {"name": "b"}],
        "findings": [
            {
                "file": None,
                "line": None,
                "column": None,
                "severity": "info",
                "code": "x",
                "message": "y",
                "hint": None,
                "hosts": [],
            }
        ],
    }


def test_envelope_refuses_secrets() -> None:
    """A secret in an item does not get into JSON."""
    with pytest.raises(TypeError):
        envelope("sim.show", ok=True, items=[Thing("a", Secret("hidden"))])
