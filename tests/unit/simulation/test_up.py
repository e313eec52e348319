"""What is decided before machines are touched: which are meant, and for which names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import DeadlineError, UsageError
from toolbox.lib.core.report import Finding, Severity
from toolbox.lib.simulation import up

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project


def test_chosen(project: Project) -> None:
    """Hosts are taken by name and in that order, or all."""
    assert [host.name for host in up.chosen(project, ())] == ["db", "web"]
    assert [host.name for host in up.chosen(project, ["web"])] == ["web"]


def test_chosen_unknown(project: Project) -> None:
    """A name that is no host tells which there are."""
    with pytest.raises(UsageError, match="has no host mail") as caught:
        up.chosen(project, ["web", "mail"])
    assert caught.value.hint == "its hosts are db, web"


def test_certificates_carry_both_names(project: Project) -> None:
    """A host's certificate is for its full name and its short one."""
    assert up.subjects(project)[1].names == ("web.example.org", "web")


def _futures(*works: Callable[[], int]) -> list[Future[int]]:
    with ThreadPoolExecutor() as pool:
        return [pool.submit(work) for work in works]


def _failing(error: Exception) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


def test_all_results() -> None:
    """What each gave is given, in order."""
    assert up._results(_futures(lambda: 1, lambda: 2)) == (1, 2)


def test_all_failures_at_once() -> None:
    """When several machines fail, all of them are told."""
    failing = [_failing(DeadlineError(f"{name} is late", hint="wait")) for name in ("db", "web")]

    with pytest.raises(DeadlineError, match="db is late\nweb is late") as caught:
        up._results(_futures(failing[0], lambda: 1, failing[1]))
    assert caught.value.hint == "wait"


def test_our_mistake_first() -> None:
    """A mistake of ours is not hidden behind what it may have caused."""
    with pytest.raises(ZeroDivisionError):
        up._results(_futures(_failing(UsageError("no")), lambda: 1 // 0))


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
