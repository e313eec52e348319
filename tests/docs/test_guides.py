"""What guides show of a terminal is what one sees: the calls are made, in the page's own files."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import toolbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

CALL = "from toolbox.tasks.program import main; import sys; main(sys.argv[1:])"
UPDATE = "UPDATE_GOLDEN"


def _shown(text: str) -> Iterator[tuple[str, str]]:
    """Yield the calls of a block and what it shows of each."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        call, _, output = part.partition("\n")
        yield call, output


def _seen(call: str, folder: Path) -> str:
    """Return what one sees of a call, stdout first."""
    words, _, file = call.partition(" > ")
    done = subprocess.run(
        [sys.executable, "-P", "-c", CALL, *shlex.split(words)],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(toolbox.__file__).parents[1]),
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if file:
        (folder / file).write_text(done.stdout)
    return ("" if file else done.stdout) + done.stderr


@pytest.mark.needs("butane")
def test_terminals(terminal_page: Any, tmp_path: Path) -> None:
    """Each call of a console block prints what stands below it."""
    page = terminal_page
    for block in page.blocks:
        if block.title:
            path = tmp_path / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
    calls = [
        found
        for block in page.blocks
        if block.language == "console"
        for found in _shown(block.text)
    ]

    assert calls
    for call, shown in calls:
        seen = _seen(call, tmp_path)
        if os.environ.get(UPDATE):
            page.path.write_text(
                page.path.read_text().replace(f"{call}\n{shown}", f"{call}\n{seen}")
            )
        assert seen == shown, f"{UPDATE}=1 accepts it"


def test_every_check_is_explained(root: Path) -> None:
    """What the golden cases find, and what they do not, stands in the table of the guide."""
    page = (root / "docs/guides/checks.md").read_text()
    cases = "".join(path.read_text() for path in root.glob("tests/golden/checks/*/expected.txt"))
    found = set(re.findall(r"^\S+: (?:error|warning|info)\[([a-z-]+)\]", cases, re.MULTILINE))
    rows = [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| `")]

    assert len(found) > 10
    assert found <= set(re.findall(r"`([a-z-]+)`", "".join(rows)))
