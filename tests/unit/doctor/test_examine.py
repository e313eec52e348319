"""The examination looks at everything, and nothing spoils it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from toolbox.lib.core.errors import DeadlineError, HabitatError
from toolbox.lib.doctor.examine import examine, guarded, terms
from toolbox.lib.doctor.row import Row, State, lost

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ORDER = [
    *("habitat", "image", "acceleration", "libvirt", "guest", "programs", "plugins", "disk"),
    *("memory", "network", "ssh agent", "podman"),
]


def _raising(error: Exception) -> Callable[[], NoReturn]:
    def look() -> NoReturn:
        raise error

    return look


@pytest.mark.parametrize(
    ("what", "error", "state", "found"),
    [
        ("guest", HabitatError("no room", hint="make some"), State.LOST, "no room"),
        ("podman", HabitatError("no room", hint="make some"), State.NOTE, "no room"),
        ("libvirt", DeadlineError("too long", hint="make some"), State.NOTE, "too long"),
    ],
)
def test_errors_are_findings(what: str, error: Exception, state: State, found: str) -> None:
    """An error is a row with its hint, a loss only where sim would end with it, too."""
    assert guarded(what, _raising(error)) == [Row(what, state, found, "make some")]


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (PermissionError(13, "Permission denied", "/.cache"), "/.cache: Permission denied"),
        (ValueError("no JSON"), "no JSON"),
        (KeyError("host"), "'host'"),
    ],
)
def test_surprises_are_findings(error: Exception, found: str) -> None:
    """What nobody foresaw is told and is no traceback."""
    (row,) = guarded("podman", _raising(error))

    assert row == Row("podman", State.NOTE, f"cannot be looked at: {found}")


def test_several_rows() -> None:
    """A look may find several things."""
    rows = [Row("a", State.OK, ""), Row("b", State.OK, "")]

    assert guarded("x", lambda: rows) == rows


def test_bare_place(habitat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place without a single program is examined to the end, and each loss has its way out."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("INFRA_GUESTS", str(habitat))
    monkeypatch.setenv("INFRA_PULUMI_PLUGINS", str(habitat))

    rows = examine(terms("invoke"))

    seen = [row.what for row in rows if not row.tool]
    assert list(dict.fromkeys(seen)) == ORDER
    assert {"guest", "plugins", "programs"} <= {row.what for row in lost(rows)}
    assert all(row.mend for row in lost(rows))


def test_terms_without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Advice names some folder even where there is no home."""
    from toolbox.lib.doctor import examine as module

    monkeypatch.setattr(module, "data_home", _raising(HabitatError("no home")))

    assert terms("invoke").data.is_absolute()


def test_lost() -> None:
    """Only what sim cannot do without is lost."""
    rows: list[Any] = [Row(str(state), state, "") for state in State]

    assert [row.what for row in lost(rows)] == ["lost"]
