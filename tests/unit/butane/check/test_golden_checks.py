"""Golden cases: a host's folder, and what the checks before a boot find in it.

A case is a folder of ``tests/golden/checks`` with Butane files, what they name, and
``expected.txt``; that of a sound case is empty. ``UPDATE_GOLDEN=1`` fills it in.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Workbench

CASES = Path(__file__).parents[3] / "golden/checks"

pytestmark = pytest.mark.needs(
    "butane", "dash", "docker-compose", "podman", "shellcheck", "systemd-analyze"
)


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_golden(case: str, bare: Workbench, golden: Callable[[Path, str], None]) -> None:
    """A case is judged as expected, at the lines that a person wrote."""
    folder = bare.root / "hosts/web"
    shutil.copytree(
        CASES / case, folder, symlinks=True, ignore=shutil.ignore_patterns("expected.*")
    )
    if (folder / "host.yaml").exists():
        (folder / "host.yaml").replace(folder.with_suffix(".yaml"))
    golden(CASES / case / "expected.txt", "".join(f"{line}\n" for line in bare.checks()))
