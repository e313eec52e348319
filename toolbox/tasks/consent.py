"""Consent to what cannot be taken back: asked of a person, or given beforehand."""

from __future__ import annotations

import os
import sys

from toolbox.lib.core.errors import HabitatError
from toolbox.tasks import show

YES = "do not ask; so does the environment variable CI"
"""Help of the option."""


def given(*, yes: bool) -> bool:
    """Tell whether consent was given beforehand, by ``--yes`` or the environment variable CI."""
    return yes or os.environ.get("CI", "false") not in {"", "0", "false"}


def asked(question: str, *, whether: str, hint: str) -> bool:
    """Ask a person for consent.

    Args:
        question: What is asked, with the answers there are.
        whether: What it is about, for the words that there is nobody to ask.
        hint: What to do then.

    Raises:
        HabitatError: Nobody sits at a terminal.
    """
    if not person():
        message = f"there is nobody to ask whether {whether}"
        raise HabitatError(message, hint=hint)
    return show.ask(question)


def person() -> bool:
    """Tell whether somebody sits at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()
