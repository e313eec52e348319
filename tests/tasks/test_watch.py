"""sim.watch as a person sees it: each save is acted on, mistakes do not end it, Ctrl-C does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import HabitatError, ToolboxError
from toolbox.lib.simulation import watch
from toolbox.tasks import sim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def attempts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what each attempt shall raise, in order; what it was given comes in its place."""
    (folder / "project.yaml").write_text("name: example\n")
    (folder / "hosts").mkdir()
    (folder / "hosts/web.yaml").write_text("")
    shall: list[Any] = []

    def prove(project: Any, options: Any) -> None:
        raised = shall.pop(0) if shall and not isinstance(shall[0], tuple) else None
        shall.append((project.name, options.hosts, options.keep))
        if raised is not None:
            raise raised

    def saves(_root: Path, _since: Any) -> Iterator[tuple[str, ...]]:
        yield ("hosts/web/main.bu",)
        yield tuple(f"hosts/web/{number}.bu" for number in range(5))
        raise KeyboardInterrupt

    monkeypatch.setattr(sim, "_prove", prove)
    monkeypatch.setattr(watch, "saves", saves)
    return shall


def test_each_save(invoke: Callable[..., Any], attempts: list[Any]) -> None:
    """There is a first run and one for each save; Ctrl-C ends it."""
    ended = invoke("sim.watch", "--hosts", "web")

    assert ended.code == 130
    assert "saved: hosts/web/main.bu\n" in ended.err
    assert "saved: hosts/web/0.bu, hosts/web/1.bu, hosts/web/2.bu and 2 more\n" in ended.err
    assert attempts == [("example", ("web",), False)] * 3


def test_mistakes_do_not_end_it(invoke: Callable[..., Any], attempts: list[Any]) -> None:
    """Who watches is in the middle of writing: what is wrong is said, and the next save counts."""
    attempts.append(ToolboxError("the config of web is refused", hint="mend it"))

    ended = invoke("sim.watch")

    assert ended.code == 130
    assert "error: the config of web is refused" in ended.err
    assert len(attempts) == 3


def test_what_no_save_mends(invoke: Callable[..., Any], attempts: list[Any]) -> None:
    """A place that cannot simulate will not by another save."""
    attempts.append(HabitatError("libvirt does not answer"))

    assert invoke("sim.watch").code == 3
    assert len(attempts) == 1


def test_broken_project(invoke: Callable[..., Any], attempts: list[Any], folder: Path) -> None:
    """A project that cannot be read is said to be so, at each save."""
    (folder / "project.yaml").write_text("title: x\n")

    ended = invoke("sim.watch")

    assert ended.code == 130
    assert ended.err.count("project.yaml:1:1: error[unknown-key]") == 3
    assert attempts == []
