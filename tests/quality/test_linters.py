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


def test_ruff_check(repository: Any) -> None:
    """Ruff finds nothing."""
    repository.satisfies("ruff", "check", *PYTHON)


def test_ruff_format(repository: Any) -> None:
    """Everything is formatted as ruff does it."""
    repository.satisfies("ruff", "format", "--check", *PYTHON)


@pytest.mark.timeout(600)
def test_mypy(repository: Any) -> None:
    """The library and the tasks are typed strictly."""
    repository.satisfies("mypy")


def test_architecture(repository: Any) -> None:
    """Imports go downwards, and the heavy ones stay where they belong."""
    repository.satisfies("lint-imports", "--no-cache")


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


def test_shellcheck(repository: Any) -> None:
    """ShellCheck finds nothing in any shell script."""
    scripts = [path for path, text in repository.texts().items() if text.startswith(SHELLS)]

    assert Path("infra") in scripts
    # Reason: below warnings are opinions, such as that a handler of a trap is never called.
    repository.satisfies("shellcheck", "--severity=warning", *scripts)


def test_codespell(repository: Any) -> None:
    """Nothing is misspelt."""
    repository.satisfies("codespell", *repository.texts())
