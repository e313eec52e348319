"""The pages of the reference that are made from the code are what the code says now.

``UPDATE_GOLDEN=1`` writes them anew.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.butane import reference
from toolbox.lib.butane.contract import GIVEN, Contract
from toolbox.lib.butane.variables import keys, resolve
from toolbox.lib.inventory.document import parse, value
from toolbox.lib.inventory.schema import RESERVED

if TYPE_CHECKING:
    from pathlib import Path

PAGES = {
    "environment-contract.md": reference.contract_page,
    "filters.md": reference.filters_page,
}


@pytest.mark.parametrize("name", PAGES)
def test_generated_page(name: str, root: Path) -> None:
    """A page is what the code says now."""
    path = root / "docs/reference" / name
    text = PAGES[name]()
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)

    assert path.read_text() == text, f"UPDATE_GOLDEN=1 writes {path} anew"


def test_every_key_has_a_meaning(root: Path) -> None:
    """Each key of the contract stands on its page, with a meaning."""
    rows = [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in (root / "docs/reference/environment-contract.md").read_text().splitlines()
        if line.startswith("| `")
    ]
    written = {row[0].strip("`") for row in rows}
    nested = {key for name in Contract.model_fields for key in keys((name,))}

    assert all(row[-1] for row in rows)
    assert set(GIVEN) <= written
    assert {name for name in nested if name not in Contract.model_fields} <= written


def test_example_of_the_contract(root: Path) -> None:
    """The variables that the page shows are right."""
    text = (root / "docs/reference/environment-contract.md").read_text()
    (block,) = re.findall(r"```yaml[^\n]*\n(.*?)```", text, re.DOTALL)
    variables = value(parse(block, "project.yaml")[0])["variables"]

    assert variables
    assert not resolve(variables)[1]


def test_given_names_are_reserved() -> None:
    """What the toolbox gives is what no variable can be called."""
    assert tuple(GIVEN) == RESERVED
