"""Settled stacks: what an update brought to what is wanted needs no second look at once.

An update compares what a program declares with the state that the engine wrote, and asks nobody
else. As long as both are the same, byte for byte, the answer is known: no change. Starting the
engine and its plugins to hear it takes seconds.
"""

from __future__ import annotations

import hashlib
import json
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DAY_SECONDS = 24 * 3600.0
"""How long an answer holds: certificates are renewed when their time has come, weeks ahead."""
LIBRARY = Path(__file__).parent.parent
# Reason: what a program declares is made by these, of its arguments.
SOURCES = ("stack", "machine", "pki")


def digest(program: Callable[[], None], state: Path, tools: Sequence[Path]) -> str:
    """Return what tells one update from another; empty when that cannot be told.

    Args:
        program: A function with its arguments (`functools.partial`), whose texts say all of them.
        state: The stack's state as the engine wrote it.
        tools: The engine and its plugins.
    """
    if not isinstance(program, partial) or not state.is_file():
        return ""
    content = hashlib.sha256(_text(program))
    sources = sorted(path for folder in SOURCES for path in (LIBRARY / folder).glob("*.py"))
    for path in (state, *sources):
        content.update(path.read_bytes())
    for tool in tools:
        # Reason: hundreds of megabytes need not be read to see that a program is another one.
        facts = tool.stat()
        content.update(f"{tool.name} {facts.st_size} {facts.st_mtime_ns}".encode())
    return content.hexdigest()


def remember(path: Path, found: str, program: Callable[[], None]) -> None:
    """Remember that a stack is what is wanted.

    Args:
        path: File to remember it in.
        found: Digest after the update.
        program: What the update was for.
    """
    if found:
        facts = {"digest": found, "time": time.time(), "program": _declared(program)}
        write_atomic(path, json.dumps(facts).encode(), mode=0o600)


def holds(path: Path, found: str) -> bool:
    """Tell whether a stack is known to be what is wanted.

    Args:
        path: File in which it was remembered.
        found: Digest now.
    """
    try:
        known = json.loads(path.read_text())
        age = time.time() - float(known["time"])
        return bool(found) and known["digest"] == found and 0 <= age < DAY_SECONDS
    except (OSError, ValueError, KeyError, TypeError):
        return False


def declares(path: Path, program: Callable[[], None]) -> bool:
    """Tell whether the last update was for the same program, however long ago and by what tools.

    It is enough for who only wants what a stack holds, and not that it is up to date.

    Args:
        path: File in which it was remembered.
        program: What is wanted.
    """
    try:
        known = json.loads(path.read_text())["program"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return isinstance(program, partial) and bool(known == _declared(program))


def _declared(program: Callable[[], None]) -> str:
    """Return the digest of a program; nothing for one whose texts do not say all of it."""
    if not isinstance(program, partial):
        return ""
    return hashlib.sha256(_text(program)).hexdigest()


def _text(program: partial[None]) -> bytes:
    return repr((program.func.__qualname__, program.args)).encode()


def resources(state: Path) -> int:
    """Count the resources that a state holds, as the engine does: all but the stack itself.

    Args:
        state: The stack's state as the engine wrote it.
    """
    held = json.loads(state.read_text())["checkpoint"]["latest"].get("resources") or ()
    return sum(1 for one in held if one["type"] != "pulumi:pulumi:Stack")
