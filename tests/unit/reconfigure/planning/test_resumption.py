"""What a cut off apply has left is done as far as what is desired now still wants it."""

from __future__ import annotations

import pytest

from toolbox.lib.reconfigure.history.record import Record
from toolbox.lib.reconfigure.look.survey import Survey, UnitFacts
from toolbox.lib.reconfigure.planning import resumption
from toolbox.lib.reconfigure.units.actions import UnitAction, Verb

RUNS = UnitFacts("loaded", "active", "enabled")
IDLE = UnitFacts("loaded", "inactive", "disabled")
NOWHERE = UnitFacts("not-found", "inactive", "")


def _due(*verbs: Verb, starts: bool, facts: UnitFacts | None, words: str = "") -> list[Verb]:
    units = {"a.service": facts} if facts else {}
    survey = Survey(units=units, record=Record(1, "", units={"a.service": words}))
    left = [UnitAction("a.service", verb) for verb in verbs]
    starting = {"a.service"} if starts else set()
    return [action.verb for action in resumption.due(left, starting, survey)]


@pytest.mark.parametrize("verb", [Verb.START, Verb.RESTART, Verb.RELOAD, Verb.ENABLE])
def test_same_config(verb: Verb) -> None:
    """A unit that shall start at boot gets what it did not get."""
    assert _due(verb, starts=True, facts=IDLE) == [verb]


@pytest.mark.parametrize("verb", list(Verb))
def test_unit_that_is_not_there(verb: Verb) -> None:
    """What another config wanted done to a unit that no config has now is forgotten."""
    assert _due(verb, starts=False, facts=NOWHERE) == []
    assert _due(verb, starts=False, facts=None) == []


def test_wanted_again() -> None:
    """A unit that was to be stopped and is wanted now is neither stopped nor disabled."""
    assert _due(Verb.STOP, Verb.DISABLE, starts=True, facts=RUNS) == []


def test_install_section() -> None:
    """Where a unit was to be disabled and enabled, both are done."""
    both = [Verb.DISABLE, Verb.ENABLE]
    assert _due(*both, starts=True, facts=RUNS) == both


def test_running() -> None:
    """A unit that runs though nothing starts it sees its new files; it is not started for that."""
    for verb in (Verb.STOP, Verb.RESTART, Verb.RELOAD):
        assert _due(verb, starts=False, facts=RUNS) == [verb]
        assert _due(verb, starts=False, facts=IDLE) == []


def test_ran_before() -> None:
    """A unit of the image that ran before any config spoke of it is started again."""
    assert _due(Verb.START, starts=False, facts=IDLE, words="disabled,was-enabled,was-active")
    assert not _due(Verb.START, starts=False, facts=IDLE, words="enabled")
