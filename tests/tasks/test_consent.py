"""Consent is given beforehand, or asked of a person, and of nobody else."""

from __future__ import annotations

import pytest

from toolbox.lib.core.errors import HabitatError
from toolbox.tasks import consent, show


@pytest.mark.parametrize(
    ("ci", "yes", "given"),
    [
        (None, False, False),
        (None, True, True),
        ("true", False, True),
        ("1", False, True),
        ("false", False, False),
        ("0", False, False),
        ("", False, False),
    ],
)
def test_given(ci: str | None, yes: bool, given: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """--yes gives it, and so does a CI that is not switched off."""
    monkeypatch.delenv("CI", raising=False)
    if ci is not None:
        monkeypatch.setenv("CI", ci)

    assert consent.given(yes=yes) is given


def test_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person answers."""
    monkeypatch.setattr(consent, "person", lambda: True)
    for answer in (True, False):
        monkeypatch.setattr(show, "ask", lambda _question, answer=answer: answer)
        assert consent.asked("Do it? ", whether="it may be done", hint="--yes") is answer


def test_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal nothing is done, and it is told what would."""
    monkeypatch.setattr(consent, "person", lambda: False)

    with pytest.raises(HabitatError, match="whether it may be done") as raised:
        consent.asked("Do it? ", whether="it may be done", hint="--yes does")
    assert raised.value.hint == "--yes does"
