"""Tests of layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolbox.lib.butane.layers import of, shipped_folder
from toolbox.lib.core.errors import HabitatError
from toolbox.lib.inventory.load import load

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Workbench


def test_order(bench: Workbench) -> None:
    """Shipped units come first, the host's folder last, its files by name."""
    bench.write({"b.bu": "", "a.bu": "", "c.txt": "", ".bu/x": "", ".#a.bu": ""})
    project = load(bench.root)
    shipped, own = of(project, project.hosts[0])
    assert (shipped.label, own.label) == ("butane/base", "hosts/web")
    files, findings = own.files()
    assert [own.name_of(path) for path in files] == ["hosts/web/a.bu", "hosts/web/b.bu"]
    assert not findings


def test_a_host_without_a_folder(bench: Workbench) -> None:
    """A host needs no Butane of its own."""
    project = load(bench.root)
    assert of(project, project.hosts[0])[-1].files() == ([], [])
    assert bench.ignition()


def test_linked_butane_files(bare: Workbench) -> None:
    """A Butane file may be linked from elsewhere in the project, not from outside of it."""
    bare.write({"main.bu": ""})
    (bare.root / "modules").mkdir()
    (bare.root / "modules/m.bu").write_text("variant: fcos\nversion: 1.5.0\n")
    folder = bare.root / "hosts/web"
    (folder / "m.bu").symlink_to("../../modules/m.bu")
    assert '"m' not in bare.text()
    (folder / "outside.bu").symlink_to("/etc/hostname")
    (folder / "broken.bu").symlink_to("nothing")
    assert [line.split("]")[0] for line in bare.refusal()] == [
        "hosts/web/broken.bu: error[missing-file",
        "hosts/web/outside.bu: error[link-escape",
    ]


def test_shipped_units_are_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A place without shipped units says so."""
    monkeypatch.setenv("INFRA_BUTANE", str(tmp_path / "nothing"))
    with pytest.raises(HabitatError, match="shipped Butane units"):
        shipped_folder()
