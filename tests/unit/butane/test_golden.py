"""Golden cases: a host's folder, and the Ignition config or the findings that come of it.

A case is a folder of ``tests/golden/butane``: Butane files and what they name, and
``expected.ign``, or ``expected.txt`` for a case whose name begins with ``error``. A new case is a
new folder; ``UPDATE_GOLDEN=1`` fills it in. In cases whose name begins with ``base`` the shipped
units take part.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Workbench

CASES = Path(__file__).parents[2] / "golden/butane"
PLACES = ("project.yaml", "authorized_keys")


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_golden(
    case: str,
    bench: Workbench,
    request: pytest.FixtureRequest,
    golden: Callable[[Path, str], None],
) -> None:
    """A case comes out as expected."""
    if not case.startswith("base"):
        request.getfixturevalue("shipped_nothing")
    folder = bench.root / "hosts/web"
    shutil.copytree(
        CASES / case, folder, symlinks=True, ignore=shutil.ignore_patterns("expected.*")
    )
    for name in PLACES:
        if (folder / name).exists():
            (folder / name).replace(bench.root / name)
    if (folder / "host.yaml").exists():
        (folder / "host.yaml").replace(folder.with_suffix(".yaml"))
    if case.startswith("error"):
        actual = "\n".join(bench.refusal()).replace(str(bench.root), "PROJECT") + "\n"
        golden(CASES / case / "expected.txt", actual)
    else:
        config = json.loads(bench.ignition().json.reveal())
        actual = json.dumps(config, indent=2, sort_keys=True) + "\n"
        golden(CASES / case / "expected.ign", actual)
