"""Importing the library costs little and does nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

# Reason: the first are loaded by pytest and stand on it; the next are made of pydantic's models and
# are imported when a project is read or rendered; the last stand on Pulumi.
NOT_LIGHT = (
    "toolbox.lib.verify.plugin",
    "toolbox.lib.verify.checks",
    "toolbox.lib.inventory.schema",
    "toolbox.lib.butane.contract",
    "toolbox.lib.butane.reference",
    "toolbox.lib.butane.values",
    "toolbox.lib.stack.material",
    "toolbox.lib.stack.protocol",
)
IMPORT_ALL = """
import importlib, json, pathlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps(sorted(sys.modules)))
"""


def _modules(root: Path) -> list[str]:
    names = []
    for path in sorted((root / "toolbox/lib").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if not name.startswith(NOT_LIGHT):
            names.append(name)
    return names


@pytest.fixture(scope="module")
def loaded(
    repository: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[set[str], list[Path]]:
    """Return what importing every module of the library loads, and what it creates."""
    folder = tmp_path_factory.mktemp("home")
    places = ("HOME", "TMPDIR", "INFRA_STATE", "INFRA_CACHE", "XDG_RUNTIME_DIR")
    environment = {name: str(folder) for name in places}
    answer = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT_ALL, *_modules(repository.root)],
        env={"PYTHONPATH": str(repository.root), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not answer.stderr
    return set(json.loads(answer.stdout)), list(folder.rglob("*"))


def test_imports_are_light(loaded: tuple[set[str], list[Path]], heavy: frozenset[str]) -> None:
    """No module of the library imports what is heavy, or of the tasks, before it is needed."""
    assert "toolbox.lib.core.run" in loaded[0]
    assert not loaded[0] & {*heavy, "invoke"}


def test_imports_do_nothing(loaded: tuple[set[str], list[Path]]) -> None:
    """Importing the library creates no file and no folder."""
    assert not loaded[1]
