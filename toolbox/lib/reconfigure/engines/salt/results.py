"""What Salt says that became of each state."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.secret import MASK
from toolbox.lib.reconfigure.engines.contract import Done
from toolbox.lib.reconfigure.engines.salt.sources import OURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from toolbox.lib.core.secret import Secret
    from toolbox.lib.reconfigure.engines.salt.states import State
    from toolbox.lib.reconfigure.planning.plan import Plan

BETWEEN = "_|-"
"""What Salt joins module, name of the state, name and function by."""

RAISED = re.compile(r"^[\w.]+(?:Error|Exception|Exit)\w*: ", re.MULTILINE)
MILLISECONDS = 1000
LINES = 10


class SaltFailed(ToolboxError):
    """Salt did not get as far as the states."""


def read(
    output: bytes, complaint: str, states: Sequence[State], hidden: Iterable[Secret] = ()
) -> tuple[Done, ...]:
    """Return what was done, in the order in which it was.

    Args:
        output: What ``salt-call --out=json`` printed.
        complaint: What it complained about.
        states: Those of the plan, to tell them in its words.
        hidden: What must not be shown.

    Raises:
        SaltFailed: It did not get as far as the states.
    """
    words = tuple(secret.reveal() for secret in hidden if secret)
    told = _told(output, complaint, words)
    known = {state.id: state for state in states}
    return tuple(
        _done(key, told[key], known, words)
        for key in sorted(told, key=lambda key: _number(told[key].get("__run_num__")))
        if told[key].get("__id__") != OURS
    )


def hidden(plan: Plan) -> tuple[Secret, ...]:
    """Return what must not be shown of a plan, beside the contents of files."""
    passwords = [change.user.password for change in plan.users]
    passwords += [change.group.password for change in plan.groups]
    return tuple(password for password in passwords if password)


def _told(output: bytes, complaint: str, words: tuple[str, ...]) -> Mapping[str, dict[str, Any]]:
    try:
        said = json.loads(output)["local"]
    except (ValueError, KeyError, TypeError):
        tail = "\n".join(complaint.strip().splitlines()[-LINES:])
        message = f"Salt did not say what it did{': ' if tail else ''}{_masked(tail, words)}"
        raise SaltFailed(message) from None
    if isinstance(said, dict) and all(isinstance(item, dict) for item in said.values()):
        return said
    lines = said if isinstance(said, list) else [said]
    message = "Salt refuses the states: " + "\n".join(_masked(str(line), words) for line in lines)
    raise SaltFailed(message, hint="nothing was changed; see the states of your own (*.sls)")


def _done(
    key: str, item: dict[str, Any], known: Mapping[str, State], words: tuple[str, ...]
) -> Done:
    # Reason: of a state that there is not, Salt tells its name nowhere but in the key.
    module, name, *_rest, function = [*key.split(BETWEEN), "", "", ""][:4]
    ours = item.get("__sls__", OURS) == OURS
    state = known.get(str(item.get("__id__", name))) if ours else None
    what, action = str(item.get("name")), f"{module}.{function}"
    if state is not None:
        what, action = state.what, state.action
    ok = item.get("result") is not False
    # Reason: of what went well Salt has long words, those of our own states are to be heard.
    quiet = item.get("result") is True and module != "infra"
    message = "" if quiet else _masked(_comment(item), words)
    seconds = _number(item.get("duration")) / MILLISECONDS
    return Done(what, action, ok=ok, message=message, seconds=seconds)


def _comment(item: dict[str, Any]) -> str:
    comment = str(item.get("comment", "")).strip()
    changes = item.get("changes")
    if item.get("result") is False and isinstance(changes, dict):
        # Reason: of a program that failed, Salt's words say no more than that.
        comment = str(changes.get("stderr") or changes.get("stdout") or comment)
    if "Traceback (most recent call last)" in comment:
        # Reason: what a program complained of stands behind the error's class.
        comment = RAISED.split(comment)[-1]
    return comment


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _masked(text: str, words: tuple[str, ...]) -> str:
    for word in words:
        text = text.replace(word, MASK)
    return text
