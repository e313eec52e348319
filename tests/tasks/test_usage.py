"""What help tells of a call: its words, its options, what holds without them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from toolbox.tasks import usage

if TYPE_CHECKING:
    from typing import Any

OWN = """
@task(help={"file": "what", "hosts": "which", "to": "where; here by default"}, iterable=["hosts"])
def send(c, file="", hosts=None, to="", times=3, loud=False):
    'Send.'
@task(help={"file": "what; all by default"})
def look(c, file=""):
    'Look.'
@task(help={"file": "what"})
def take(c, file=""):
    'Take.'
"""


@pytest.mark.parametrize(
    ("task", "called"),
    [("send", "[options] [NAME…]"), ("look", "[options] [FILE]"), ("take", "[options] FILE")],
)
def test_positional(invoke: Any, tasks: Any, task: str, called: str) -> None:
    """A word without an option is in brackets where it can be left out."""
    tasks(OWN)

    assert invoke(task, "--help").out.splitlines()[0] == f"usage: invoke {task} {called}"


def test_options(invoke: Any, tasks: Any) -> None:
    """An option tells its value, also when it can be given again, and its default once."""
    tasks(OWN)

    out = re.sub(r" +", " ", invoke("send", "--help").out)

    assert "--hosts=STRING which\n" in out
    assert "--times=INT ; 3 by default" in out
    assert out.count("here by default") == 1
    assert "False" not in out


@pytest.mark.parametrize("width", [10, 40, 60, 120])
def test_columns(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """Lines are as wide as COLUMNS says, and no word is lost, however narrow that is."""
    monkeypatch.setenv("COLUMNS", str(width))
    pairs = [("sim", "bring machines up, check them and report what was proven"), ("x", None)]

    lines = list(usage.columns(pairs))

    assert max(map(len, lines)) < max(width, 30)
    assert " ".join(" ".join(lines).split()).startswith(f"sim {pairs[0][1]}")
    assert lines[-1] == "  x"


def test_every_task_fits_a_narrow_terminal(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of tasks fits 60 columns."""
    monkeypatch.setenv("COLUMNS", "60")

    assert max(map(len, invoke("help").out.splitlines())) < 60


@pytest.mark.parametrize(
    ("name", "aliases", "said"),
    [("sim.sim", ["sim"], "sim"), ("sim.up", [], "sim.up"), ("doctor", [], "doctor")],
)
def test_spoken(name: str, aliases: list[str], said: str) -> None:
    """The default task of a collection is called by the collection's name."""
    assert usage.spoken(name, aliases) == said
