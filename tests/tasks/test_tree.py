"""The shipped tasks: complete help, and a list that is quick because nothing heavy is loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import toolbox
from toolbox.tasks import tree

if TYPE_CHECKING:
    from typing import Any

CALL = """
import json, sys
from toolbox.tasks.program import main
try:
    main(["invoke", *sys.argv[1:]])
except SystemExit as end:
    print(json.dumps([end.code, sorted(sys.modules)]), file=sys.stderr)
"""
TREE = tree()
NAMES = sorted(TREE.task_names)


def _loaded(folder: Path, *words: str) -> tuple[int, set[str]]:
    done = subprocess.run(
        [sys.executable, "-B", "-c", CALL, *words],
        env={"PYTHONPATH": str(Path(toolbox.__file__).parents[1]), "PATH": "/usr/bin:/bin"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    return code, set(modules)


@pytest.mark.parametrize("words", [["--list"], ["--help"], ["sim", "--help"]], ids=" ".join)
def test_listing_is_light(tmp_path: Path, heavy: frozenset[str], words: list[str]) -> None:
    """Listing and explaining load nothing heavy."""
    code, modules = _loaded(tmp_path, *words)

    assert code == 0
    assert not modules & {*heavy, "pytest"}


@pytest.mark.parametrize("name", NAMES)
def test_help_is_light(invoke: Any, heavy: frozenset[str], name: str) -> None:
    """Each task explains itself, with examples that name it."""
    before = sys.modules.keys() & heavy

    ended = invoke(name, "--help")

    assert ended.code == 0
    assert "examples:" in ended.out
    usage = ended.out.split()[2]
    assert usage in {name, name.partition(".")[0]}
    assert f"  invoke {usage}" in ended.out.partition("examples:")[2]
    assert sys.modules.keys() & heavy == before


@pytest.mark.parametrize("name", NAMES)
def test_h_asks_for_help(invoke: Any, name: str) -> None:
    """No option takes -h away from help."""
    assert invoke(name, "-h").out == invoke(name, "--help").out


@pytest.mark.parametrize("name", NAMES)
def test_summary(name: str) -> None:
    """Each task has one sentence first, which fits a line."""
    task: Any = TREE[name]
    first = (task.__doc__ or "").strip().split("\n")[0]

    assert first.endswith((".", "explains one.")), first
    assert len(first) <= 90


OPTIONS = """
import json
from toolbox.tasks import tree
contexts = tree().to_contexts()
print(json.dumps([
    (context.name, flag, context.flags[flag].help) for context in contexts for flag in context.flags
]))
"""


@pytest.fixture(scope="module")
def options() -> list[tuple[str, str, str]]:
    """Return task, flag and words of each option; a process of its own, as that uses them up."""
    done = subprocess.run(
        [sys.executable, "-c", OPTIONS],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(Path(toolbox.__file__).parent.parent)},
    )
    return [(task, flag, words) for task, flag, words in json.loads(done.stdout)]


def test_help_is_complete(options: list[tuple[str, str, str]]) -> None:
    """Each option of each task has a word of help."""
    assert options
    assert not [(task, flag) for task, flag, words in options if not words]


def test_one_vocabulary(options: list[tuple[str, str, str]]) -> None:
    """No option is a single letter, and what tasks share has the same words in all of them."""
    assert not [(task, flag) for task, flag, _ in options if not flag.startswith("--")]
    for shared in ("--json", "--yes", "--os"):
        assert len({words for _, flag, words in options if flag == shared}) == 1, shared
