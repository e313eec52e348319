"""What is decided before machines are touched: which are meant, and for which names."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import UsageError
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


def test_mistakes_of_all_hosts(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configs of several hosts that cannot be rendered are told together, with their places."""

    def refused(_project: Project, host: Host, _identity: object) -> None:
        finding = Finding(host.name, 1, 1, Severity.ERROR, "x", "wrong")
        message = f"{host.name} is wrong"
        raise UsageError(message, findings=[finding])

    monkeypatch.setattr(up, "render", refused)

    with pytest.raises(UsageError, match="db is wrong\nweb is wrong") as caught:
        up.translate_all(project, project.hosts, SimpleNamespace())
    assert [finding.file for finding in caught.value.findings] == ["db", "web"]


def test_warnings_are_told(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is to say about a config that is right is said, and keeps nobody from going on."""
    warning = Finding("web.bu", 3, None, Severity.WARNING, "changing-config", "it changes")
    config = SimpleNamespace(warnings=(warning,))
    monkeypatch.setattr(up, "render", lambda *_: nullcontext(config))
    monkeypatch.setattr(up, "translate", lambda rendered: rendered)

    assert up.translate_all(project, project.hosts, SimpleNamespace())["web"] is config
    assert "web.bu:3: warning[changing-config]: it changes" in capsys.readouterr().err
