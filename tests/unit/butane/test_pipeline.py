"""Hosts go through the pipeline together, and equal findings are told once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.butane import pipeline
from toolbox.lib.butane.pipeline import Outcome
from toolbox.lib.core.errors import ProgramMissing, ToolboxError
from toolbox.lib.core.report import Finding, Severity
from toolbox.lib.inventory.host import Host
from toolbox.lib.inventory.load import load
from toolbox.lib.pki import standin

if TYPE_CHECKING:
    from conftest import Workbench

    from toolbox.lib.inventory.project import Project

HEAD = "variant: fcos\nversion: 1.6.0\n"
WRONG = f"{HEAD}storage:\n  files:\n    - path: a\n    - path: /b\n      mode: 644\n"


@pytest.fixture
def project(bench: Workbench) -> Project:
    """Return a project of three hosts, one of them wrong in three places."""
    bench.write({"main.bu": f"{HEAD}storage:\n  files:\n    - path: /a\n"})
    for name in ("db", "mail"):
        (bench.root / f"hosts/{name}.yaml").write_text("")
    (bench.root / "hosts/db").mkdir()
    (bench.root / "hosts/db/main.bu").write_text(WRONG)
    return load(bench.root)


def test_every(project: Project) -> None:
    """Each host has its outcome, in the order that was asked for, with all its findings."""
    identity = standin.identity(host.name for host in project.hosts)

    outcomes = pipeline.every(project, project.hosts, identity)

    assert [(item.host.name, item.ok) for item in outcomes] == [
        ("db", False),
        ("mail", True),
        ("web", True),
    ]
    assert [(item.line, item.severity) for item in outcomes[0].findings] == [
        (5, Severity.ERROR),
        (7, Severity.ERROR),
        (7, Severity.ERROR),
    ]
    assert outcomes[0].ignition is None
    assert outcomes[1].ignition is not None


def test_every_stops_where_the_habitat_does(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing here is no finding about what a person wrote."""
    monkeypatch.setenv("PATH", "/nonexistent")
    identity = standin.identity(host.name for host in project.hosts)

    with pytest.raises(ProgramMissing):
        pipeline.every(project, project.hosts, identity)


def test_one_without_keys(project: Project) -> None:
    """An identity that lacks the host is no finding either."""
    with pytest.raises(ToolboxError, match="no keys for web"):
        pipeline.one(project, project.hosts[2], standin.identity([]))


def _outcome(name: str, *findings: Finding) -> Outcome:
    return Outcome(Host(name, name, "debian", Path()), None, findings)


def test_findings_once() -> None:
    """Equal findings of several hosts are one, with the hosts; they come in the order of files."""
    shared = Finding("b", 2, 1, Severity.ERROR, "x", "shared")
    own = Finding("a", 9, 1, Severity.WARNING, "x", "own")
    early = Finding("b", 1, 1, Severity.ERROR, "x", "early")

    told = pipeline.findings([_outcome("web", shared, shared, own), _outcome("db", shared, early)])

    assert [(item.message, item.hosts) for item in told] == [
        ("own", ("web",)),
        ("early", ("db",)),
        ("shared", ("web", "db")),
    ]


def test_accepted(project: Project) -> None:
    """Configs come by the names of their hosts, or all that is wrong with any of them."""
    identity = standin.identity(host.name for host in project.hosts)
    outcomes = pipeline.every(project, project.hosts, identity)

    configs = pipeline.accepted(outcomes[1:])
    with pytest.raises(ToolboxError, match="the config of db is refused") as caught:
        pipeline.accepted(outcomes)

    assert list(configs) == ["mail", "web"]
    assert caught.value.findings == pipeline.findings(outcomes[:1])


@pytest.mark.parametrize("checked", [True, False])
def test_checked(project: Project, bench: Workbench, checked: bool) -> None:
    """An error of a check refuses a config that Butane accepts, unless no check is wanted."""
    text = "      contents:\n        inline: |\n          #!/bin/bash\n          fi\n"
    bench.write({"main.bu": f"{HEAD}storage:\n  files:\n    - path: /a\n{text}"})
    identity = standin.identity(["web"])

    outcome = pipeline.one(project, project.hosts[2], identity, checked=checked)

    assert outcome.ignition
    assert outcome.ok is not checked


def test_warnings_do_not_refuse() -> None:
    """An outcome with warnings only is well, if it has a config."""
    warning = Finding("a", 1, 1, Severity.WARNING, "x", "y")
    outcome = _outcome("web", warning)

    assert not outcome.ok
    assert (outcome.count(Severity.WARNING), outcome.count(Severity.ERROR)) == (1, 0)
