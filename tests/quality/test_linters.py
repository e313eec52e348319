"""Lint, types, architecture, shell and spelling are tests, run with the tools of the image."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from typing import Any

SHELLS = ("#!/bin/sh", "#!/usr/bin/sh", "#!/usr/bin/env sh")
PYTHON = ("toolbox", "tests", "plugins", "tasks.py")


@pytest.mark.needs("ruff")
def test_ruff_check(repository: Any) -> None:
    """Ruff finds nothing."""
    content, said = repository.judged_by("ruff", "check", *PYTHON)

    assert content, said


@pytest.mark.needs("ruff")
def test_r_2_1_module_import(repository: Any, tmp_path: Path) -> None:
    """What needs a newer Python than the oldest that is promised is seen, and nothing does."""
    newer = tmp_path / "newer.py"
    newer.write_text("""f"{'\\\\n'.join([])}"\n""")
    settings = tomllib.loads((repository.root / "pyproject.toml").read_text())
    oldest = settings["project"]["requires-python"].removeprefix(">=").replace(".", "")
    assert settings["tool"]["ruff"]["target-version"] == f"py{oldest}"
    words = ("check", "--isolated", "--no-cache", f"--target-version=py{oldest}")

    content, said = repository.judged_by("ruff", *words, newer)

    assert not content
    assert "invalid-syntax" in said
    content, said = repository.judged_by("ruff", *words, "--select=E902", *PYTHON)
    assert content, said


@pytest.mark.needs("ruff")
def test_ruff_format(repository: Any) -> None:
    """Everything is formatted as ruff does it."""
    content, said = repository.judged_by("ruff", "format", "--check", *PYTHON)

    assert content, said


@pytest.mark.needs("mypy")
@pytest.mark.timeout(600)
def test_mypy(repository: Any) -> None:
    """The library and the tasks are typed strictly."""
    content, said = repository.judged_by("mypy")

    assert content, said


@pytest.mark.needs("lint-imports")
def test_architecture(repository: Any) -> None:
    """Imports go downwards, and the heavy ones stay where they belong."""
    content, said = repository.judged_by("lint-imports", "--no-cache")

    assert content, said


def test_architecture_is_complete(repository: Any) -> None:
    """The contract about Pulumi names every package of the library but the one it is for."""
    settings = tomllib.loads((repository.root / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    named = {
        name.rpartition(".")[2]
        for contract in contracts
        if "pulumi" in contract.get("forbidden_modules", ())
        for name in contract["source_modules"]
    }

    library = repository.root / "toolbox/lib"
    packages = {path.parent.name for path in library.glob("*/__init__.py")}

    assert packages <= named | {"stack"}


@pytest.mark.needs("shellcheck")
def test_shellcheck(repository: Any) -> None:
    """ShellCheck finds nothing in any shell script."""
    scripts = [path for path, text in repository.texts().items() if text.startswith(SHELLS)]

    assert Path("infra") in scripts
    # Reason: below warnings are opinions, such as that a handler of a trap is never called.
    content, said = repository.judged_by("shellcheck", "--severity=warning", *scripts)

    assert content, said


@pytest.mark.needs("codespell")
def test_codespell(repository: Any) -> None:
    """Nothing is misspelt."""
    content, said = repository.judged_by("codespell", *repository.texts())

    assert content, said
