"""What the repository holds and what it does not."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

LINES = 500
TASKS_LINES = 20
# Reason: built from parts, as this file is searched too.
FORBIDDEN = ("/work" + "/", "pypi" + ".org", "files.pythonhosted" + ".org", "--index" + "-url")
REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+(\[[a-z0-9,_-]+\])?==\S+( ; .+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


def test_lengths(repository: Any) -> None:
    """No program text is longer than what one reads at a sitting."""
    long = {
        str(path): len(text.splitlines())
        for path, text in repository.texts().items()
        if path.suffix in {".py", ".sh"} and len(text.splitlines()) > LINES
    }

    assert not long


def test_forbidden_words(repository: Any) -> None:
    """Nothing names the machine it was made on, or where packages come from."""
    found = [
        f"{path}:{number}: {line}"
        for path, text in repository.texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if any(word in line for word in FORBIDDEN)
    ]

    assert not found


def test_library_is_not_ignored(repository: Any) -> None:
    """No pattern of .gitignore hides the library, as the usual one for Python would."""
    paths = [str(path) for path in (repository.root / "toolbox/lib").rglob("*.py")]

    answer = subprocess.run(
        ["git", "check-ignore", *paths], cwd=repository.root, capture_output=True, check=False
    )

    assert paths
    assert not answer.stdout


def test_tasks_file_is_thin(repository: Any) -> None:
    """The repository's tasks.py only shows the shipped tasks."""
    assert len((repository.root / "tasks.py").read_text().splitlines()) < TASKS_LINES


def test_requirements_are_locked(repository: Any) -> None:
    """Locked environments hold versions with hashes and nothing else."""
    locked = sorted(repository.root.glob("toolbox/image/envs/*.txt"))
    wrong = [
        f"{path.name}:{number}: {line}"
        for path in locked
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if not _is_locked(line)
    ]

    assert locked
    assert not wrong


def _is_locked(line: str) -> bool:
    comment = not line or line.lstrip().startswith("#")
    return comment or bool(REQUIREMENT.fullmatch(line) or HASH.fullmatch(line))


def test_packages_say_what_they_are(repository: Any) -> None:
    """Every package has one sentence about itself and no code."""
    for path in (repository.root / "toolbox/lib").rglob("__init__.py"):
        lines = path.read_text().splitlines()

        assert len(lines) == 1, path
        assert lines[0].startswith('"""'), path
        assert Path(path).parent.name
