"""What Salt said, in the words of the plan."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.core.secret import Secret
from toolbox.lib.reconfigure.desire.state import Group, User
from toolbox.lib.reconfigure.engines.contract import Done
from toolbox.lib.reconfigure.engines.salt import results
from toolbox.lib.reconfigure.engines.salt.sources import OURS
from toolbox.lib.reconfigure.engines.salt.states import State
from toolbox.lib.reconfigure.planning.plan import Change, GroupChange, Plan, UserChange

STATES = (
    State("/etc/x", "file.managed", {}, "/etc/x", "added"),
    State("restart web.service", "module.run", {}, "web.service", "restart"),
)


def item(name: str, number: int, /, **more: Any) -> dict[str, Any]:
    """Return what Salt says of a state that went well, or otherwise."""
    base = {"__id__": name, "__sls__": OURS, "__run_num__": number, "result": True}
    told = {"name": name, "comment": "long words", "changes": {}, "duration": 250}
    return {**base, **told, **more}


def said(**items: dict[str, Any]) -> bytes:
    """Return what Salt prints."""
    return json.dumps({"local": items}).encode()


def test_states_are_told_in_order_and_in_the_words_of_the_plan() -> None:
    """What went well is told without Salt's words, in the order in which it was done."""
    output = said(
        **{
            "module_|-restart web.service_|-restart web.service_|-run": item(STATES[1].id, 1),
            "file_|-/etc/x_|-/etc/x_|-managed": item("/etc/x", 0),
        }
    )
    assert results.read(output, "", STATES) == (
        Done("/etc/x", "added", seconds=0.25),
        Done("web.service", "restart", seconds=0.25),
    )


def test_a_state_that_only_stands_there_is_not_told() -> None:
    """What can be required where a plan has no states is nothing that was done."""
    assert results.read(said(a=item(OURS, 0)), "", STATES) == ()


def test_a_persons_own_states_are_told_by_their_functions() -> None:
    """A state of somebody's own is no state of the plan, whatever its name is."""
    own = item("/etc/x", 0, __sls__="mine", name="/etc/y")
    (done,) = results.read(said(**{"pkg_|-/etc/x_|-/etc/y_|-installed": own}), "", STATES)
    assert (done.what, done.action) == ("/etc/y", "pkg.installed")


def test_a_failure_is_told_without_its_traceback() -> None:
    """What a program complained of stands at the end of Salt's traceback."""
    comment = (
        "An exception occurred in this state: Traceback (most recent call last):\n"
        '  File "x.py", line 1\n'
        "salt.exceptions.CommandExecutionError: Failed to restart: no\nSee the log.\n"
    )
    failed = item(STATES[1].id, 0, result=False, comment=comment)
    (done,) = results.read(said(**{"module_|-a_|-a_|-run": failed}), "", STATES)
    assert not done.ok
    assert done.message == "Failed to restart: no\nSee the log."


def test_what_a_program_complained_of_is_told() -> None:
    """Of a program that failed, its own words are told."""
    changes = {"retcode": 1, "stderr": "Unit a.service not found.", "stdout": ""}
    failed = item(STATES[1].id, 0, result=False, changes=changes)
    (done,) = results.read(said(a=failed), "", STATES)
    assert done.message == "Unit a.service not found."


def test_a_state_that_there_is_not_is_told_by_its_key() -> None:
    """Salt tells the name of a state that it does not have in the key alone."""
    odd = {"result": False, "comment": "not found", "__run_num__": 0}
    (done,) = results.read(said(**{"file_|-/etc/x_|-/etc/x_|-nothing": odd}), "", STATES)
    assert (done.what, done.ok) == ("/etc/x", False)


def test_what_would_be_done_is_told() -> None:
    """A preview's results are neither good nor bad, and say what they would do."""
    (done,) = results.read(said(a=item("/etc/x", 0, result=None)), "", STATES)
    assert done.ok
    assert done.message == "long words"


@pytest.mark.parametrize(
    ("output", "complaint", "told"),
    [
        (b"", "no room\nleft hush", "Salt did not say what it did: no room\nleft \\*\\*\\*"),
        (b"[]", "", "Salt did not say what it did"),
        (b'{"local": ["bad hush", "worse"]}', "", "Salt refuses the states: bad \\*\\*\\*\nworse"),
        (b'{"local": "none"}', "", "Salt refuses the states: none"),
    ],
)
def test_where_no_state_was_reached_the_reason_is_told(
    output: bytes, complaint: str, told: str
) -> None:
    """What keeps Salt from any state is an error, and shows no secret."""
    with pytest.raises(results.SaltFailed, match=told):
        results.read(output, complaint, STATES, [Secret("hush")])


def test_secrets_are_masked() -> None:
    """Passwords of a plan are shown in no message."""
    plan = Plan(
        users=(UserChange(User("web", password=Secret("hush")), Change.ADDED),),
        groups=(GroupChange(Group("g", password=Secret("")), Change.ADDED),),
    )
    hidden = results.hidden(plan)
    failed = item("/etc/x", 0, result=False, comment="could not be changed: hush")
    (done,) = results.read(said(a=failed), "", STATES, hidden)
    assert done.message == "could not be changed: ***"


@given(st.binary() | st.from_type(dict).map(lambda it: json.dumps(it, default=str).encode()))
def test_whatever_is_said_nothing_breaks(output: bytes) -> None:
    """Anything that is no result is refused as such."""
    with suppress(results.SaltFailed):
        assert all(isinstance(item, Done) for item in results.read(output, "", STATES))


JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.booleans())
WORDS = st.sampled_from(
    ["result", "comment", "duration", "__run_num__", "__sls__", "__id__", "name"]
)


@given(st.dictionaries(st.text(max_size=3), st.dictionaries(WORDS, JSON), max_size=3))
def test_whatever_a_state_is_nothing_breaks(states: dict[str, Any]) -> None:
    """A state without what Salt promises is told as far as it is known."""
    assert len(results.read(json.dumps({"local": states}).encode(), "", STATES)) == len(states)
