"""What is decided before machines are touched: which are meant, and for which names."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.butane.pipeline import Outcome
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.report import Finding, Severity
from toolbox.lib.simulation import layout, up
from toolbox.lib.simulation.record import Record

if TYPE_CHECKING:
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project


def test_certificates_carry_both_names(project: Project) -> None:
    """A host's certificate is for its full name and its short one."""
    assert up.subjects(project)[1].names == ("web.example.org", "web")


def test_machines_that_were_not_asked_for_stay(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever their files say by now, and on which guest the others are, nothing changes."""
    where = layout.of(project)
    monkeypatch.setattr(up.images, "find", lambda name: SimpleNamespace(disk=Path(name)))
    Record("u" * 36, "tcg", {22: 20022}, "sha256-1", "fcos", "sha256-2", 7, 512, 1).save(
        where.record("web")
    )

    (machine,) = up.made(project, where)

    assert (machine.host, machine.image, machine.size) == ("web", Path("fcos"), 7)
    assert (machine.domain.memory, machine.domain.cpus) == (512, 1)


@pytest.fixture
def outcomes(project: Project, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Finding, ...]]:
    """Return what is found in the hosts' configs, for a test to fill in."""
    found: dict[str, tuple[Finding, ...]] = {}
    config = SimpleNamespace()

    def every(_project: Project, hosts: tuple[Host, ...], _identity: object) -> list[Outcome]:
        return [Outcome(host, config, found.get(host.name, ())) for host in hosts]

    del project
    monkeypatch.setattr(up.pipeline, "every", every)
    return found


def _finding(file: str, severity: Severity) -> Finding:
    return Finding(file, 3, None, severity, "a-code", f"said of {file}")


def test_mistakes_of_all_hosts(project: Project, outcomes: dict[str, tuple[Finding, ...]]) -> None:
    """Hosts whose configs have mistakes are refused together, with all their findings."""
    for host in project.hosts:
        outcomes[host.name] = (_finding(host.name, Severity.ERROR),)

    with pytest.raises(ToolboxError, match="config of db, web is refused") as caught:
        up.translate_all(project, project.hosts, SimpleNamespace())
    assert [finding.file for finding in caught.value.findings] == ["db", "web"]


def test_warnings_are_told(
    project: Project,
    outcomes: dict[str, tuple[Finding, ...]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A warning of several hosts is said once, and keeps nobody from going on; infos are not."""
    warning, info = _finding("a.bu", Severity.WARNING), _finding("b.bu", Severity.INFO)
    outcomes |= {host.name: (warning, info) for host in project.hosts}

    assert list(up.translate_all(project, project.hosts, SimpleNamespace())) == ["db", "web"]
    told = capsys.readouterr().err
    assert told == "a.bu:3: warning[a-code]: said of a.bu (db, web)\n"
