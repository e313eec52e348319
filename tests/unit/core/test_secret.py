"""A secret does not get out by mistake."""

from __future__ import annotations

import copy
import json
import pickle
import traceback

import pytest

from toolbox.lib.core.secret import MASK, Secret

TEXT = "correct-horse-battery"


def test_reveal() -> None:
    """Only asking for it gives the text."""
    assert Secret(TEXT).reveal() == TEXT


@pytest.mark.parametrize(
    "shown",
    [
        str(Secret(TEXT)),
        repr(Secret(TEXT)),
        f"{Secret(TEXT)}",
        f"{Secret(TEXT):>10}",
        f"{Secret(TEXT)!r}",
        "%s" % Secret(TEXT),  # noqa: UP031 - one more way to print
        str({"key": [Secret(TEXT)]}),
    ],
)
def test_never_shown(shown: str) -> None:
    """Whatever prints it prints a mask."""
    assert TEXT not in shown
    assert MASK in shown


def test_not_in_tracebacks() -> None:
    """A traceback that shows local variables shows a mask."""
    secret = Secret(TEXT)
    try:
        raise ValueError(secret)  # noqa: TRY301 - its traceback is wanted
    except ValueError as error:
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown = "".join(told.format())

    assert "secret = Secret(***)" in shown
    assert f"Secret({TEXT}" not in shown


@pytest.mark.parametrize("leak", [pickle.dumps, json.dumps, copy.deepcopy])
def test_not_serialized(leak: object) -> None:
    """It is neither pickled nor copied nor JSON."""
    assert callable(leak)
    with pytest.raises(TypeError):
        leak(Secret(TEXT))


def test_no_attributes() -> None:
    """It has no dictionary that a debugger or a logger would print."""
    assert not hasattr(Secret(TEXT), "__dict__")


def test_comparison() -> None:
    """Secrets compare by text, with other secrets only."""
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret("other")
    assert Secret(TEXT) != TEXT
    assert hash(Secret(TEXT)) == hash(Secret(TEXT))


def test_empty() -> None:
    """An empty secret is false."""
    assert Secret(TEXT)
    assert not Secret("")
