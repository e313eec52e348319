"""Tests of layers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.butane.layers import of, shipped_folder
from toolbox.lib.core.errors import HabitatError
from toolbox.lib.inventory.load import load

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Workbench

    from toolbox.lib.butane.layers import Sources

HEAD = "variant: fcos\nversion: 1.5.0\n"
HELLO = f"{HEAD}storage: {{files: [{{path: /hello, contents: {{local: data/hello}}}}]}}\n"


def sources(bench: Workbench) -> Sources:
    """Return the Butane files of the host."""
    project = load(bench.root)
    return of(project, project.hosts[0])


def names(bench: Workbench) -> list[str]:
    """Return the names of the host's Butane files; nothing may be wrong with them."""
    found = sources(bench)
    assert (found.findings, found.escapes) == ((), ())
    return [file.name for file in found.files]


def codes(bench: Workbench) -> list[str]:
    """Return place and code of each finding."""
    return [line.split("]")[0] for line in bench.refusal()]


def test_order(bench: Workbench) -> None:
    """Shipped units come first, the host's folder last; inside, the order is that of paths."""
    bench.write({"b.bu": "", "a.bu": "", "c.txt": "", "aa/x.bu": "", "../../butane/z.bu": ""})
    bench.write({"../../modules/m/m.bu": "", "../../modules/n/n.bu": "", "aa-b.bu": ""})
    (bench.root / "project.yaml").write_text("name: example\nmodules: [n]\n")
    (bench.root / "hosts/web.yaml").write_text("modules: [m, n]\n")
    assert names(bench) == [
        "butane/base/unit.bu",
        "butane/z.bu",
        "modules/n/n.bu",
        "modules/m/m.bu",
        "hosts/web/a.bu",
        "hosts/web/aa/x.bu",
        "hosts/web/aa-b.bu",
        "hosts/web/b.bu",
    ]
    assert [layer.label for layer in sources(bench).layers] == [
        "butane/base",
        "butane",
        "modules/n",
        "modules/m",
        "hosts/web",
        "hosts/web/aa",
    ]


def test_later_layers_win(bare: Workbench) -> None:
    """What is said last holds: the project's folder is under the modules, the host over all."""
    file = HEAD + "storage: {{files: [{{path: /x, mode: {mode}, contents: {{inline: {text}}}}}]}}\n"
    bare.write({"../../butane/p.bu": file.format(mode="0600", text="project")})
    bare.write({"../../modules/m/m.bu": file.format(mode="0640", text="module")})
    (bare.root / "hosts/web.yaml").write_text("modules: [m]\n")
    bare.write({"own.bu": f"{HEAD}storage: {{files: [{{path: /x, mode: 0644}}]}}\n"})
    text = bare.text()
    assert "0644" in text
    assert "module" in text


def test_hidden(bare: Workbench) -> None:
    """Hidden files and folders are nobody's config: editors keep locks under such names."""
    bare.write({".bu/x": "", ".#a.bu": "", ".b/c.bu": "", ".git/d/e.bu": "", "f.bu": ""})
    assert names(bare) == ["hosts/web/f.bu"]


def test_a_host_without_a_folder(bench: Workbench) -> None:
    """A host needs no Butane of its own."""
    assert names(bench) == ["butane/base/unit.bu"]
    assert bench.ignition()


def test_local_files_of_a_folder(bare: Workbench) -> None:
    """Local files are looked for beside the Butane file, wherever that is; never above the root."""
    bare.write({"../../modules/m/deep/m.bu": HELLO, "../../modules/m/deep/data/hello": "hi"})
    (bare.root / "hosts/web.yaml").write_text("modules: [m]\n")
    assert "/hello" in bare.ignition().json.reveal()
    bare.write({"../../modules/m/deep/m.bu": HELLO.replace("data/", "../")})
    assert codes(bare) == ["modules/m/deep/m.bu:3:52: error[local-escape"]


@pytest.mark.parametrize("named", [True, False])
def test_a_linked_module(bare: Workbench, named: bool) -> None:
    """A module that is linked works as one that is named, and both together read it once."""
    bare.write({"../../modules/m/m.bu": HELLO, "../../modules/m/data/hello": "hi", "z.bu": ""})
    (bare.root / "hosts/web/10-m").symlink_to("../../modules/m")
    if named:
        (bare.root / "hosts/web.yaml").write_text("modules: [m]\n")
    assert names(bare) == ["modules/m/m.bu", "hosts/web/z.bu"]
    assert "/hello" in bare.ignition().json.reveal()
    bare.write({"../../modules/m/m.bu": HELLO.replace("data/hello", "nothing")})
    assert codes(bare) == ["modules/m/m.bu:3:52: error[missing-local"]


def test_r_2_1_load_butane_dir_loops_end(bare: Workbench) -> None:
    """Links in a circle are followed once."""
    bare.write({"a/x.bu": "", "b/y.bu": ""})
    folder = bare.root / "hosts/web"
    (folder / "a/b").symlink_to("../b")
    (folder / "b/a").symlink_to("../a")
    (folder / "self").symlink_to(".")
    (folder / "circle").symlink_to("circle")
    assert names(bare) == ["hosts/web/b/y.bu", "hosts/web/a/x.bu"]


def test_r_2_1_load_butane_dir_linked_library(bare: Workbench, tmp_path: Path) -> None:
    """A project, and shipped units, that are reached by a link lose none of their files."""
    shipped = tmp_path / "units"
    (shipped / "base").mkdir(parents=True)
    (shipped / "base/unit.bu").write_text(HELLO.replace("data/", ""))
    (shipped / "base/hello").write_text("hi")
    os.environ["INFRA_BUTANE"] = str(tmp_path / "library")
    (tmp_path / "library").symlink_to("units")
    bare.write({"main.bu": "", "../../library/m.bu": ""})
    (bare.root / "modules").symlink_to("library")
    (bare.root / "modules/sub").mkdir()
    (bare.root / "modules/sub/s.bu").write_text("")
    (bare.root / "hosts/web.yaml").write_text("modules: [sub]\n")
    (tmp_path / "linked").symlink_to(bare.root)
    linked = type(bare)(tmp_path / "linked", bare.identity)
    assert names(linked) == ["butane/base/unit.bu", "library/sub/s.bu", "hosts/web/main.bu"]
    assert "/hello" in linked.ignition().json.reveal()


def test_linked_butane_files(bare: Workbench) -> None:
    """A Butane file may be linked from elsewhere in the project, not from outside of it."""
    bare.write({"main.bu": "", "../../modules/m.bu": HEAD})
    folder = bare.root / "hosts/web"
    (folder / "m.bu").symlink_to("../../modules/m.bu")
    assert names(bare) == ["hosts/web/m.bu", "hosts/web/main.bu"]
    (folder / "outside.bu").symlink_to("/etc/hostname")
    (folder / "broken.bu").symlink_to("nothing")
    os.mkfifo(folder / "pipe.bu")
    assert codes(bare) == [
        "hosts/web/broken.bu: error[missing-file",
        "hosts/web/outside.bu: error[link-escape",
        "hosts/web/pipe.bu: error[missing-file",
    ]


def test_links_to_folders_outside(bare: Workbench, tmp_path: Path) -> None:
    """A link to a folder out of the project is a finding, and nothing of it is read."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x.bu").write_text("never: {{ read }}")
    bare.write({"main.bu": HEAD})
    (bare.root / "hosts/web/out").symlink_to(tmp_path / "outside")
    (bare.root / "butane").symlink_to(tmp_path / "outside")
    assert codes(bare) == ["butane: error[link-escape", "hosts/web/out: error[link-escape"]


def test_links_in_trees(bare: Workbench, tmp_path: Path) -> None:
    """A tree's links are the machine's, wherever they lead here."""
    (tmp_path / "outside").mkdir()
    bare.write({"main.bu": f"{HEAD}storage: {{trees: [{{local: tree}}]}}\n", "tree/a/b": ""})
    (bare.root / "hosts/web/tree/a/out").symlink_to(tmp_path / "outside")
    assert str(tmp_path) in bare.ignition().json.reveal()


def test_a_shipped_name(bench: Workbench) -> None:
    """A project has no folder of the name of a shipped unit, as findings could mean either."""
    bench.write({"../../butane/base/x.bu": ""})
    assert codes(bench) == ["butane/base: error[shipped-name"]


def test_a_folder_that_cannot_be_read(bare: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be looked into is told."""
    bare.write({"closed/x.bu": ""})
    listed = os.scandir

    def refuse(path: str | Path) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    (line,) = (item.render() for item in sources(bare).findings)
    monkeypatch.undo()
    assert line.startswith("hosts/web/closed: error[unreadable]: the folder cannot be read: Perm")


def test_shipped_units_are_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A place without shipped units says so."""
    monkeypatch.setenv("INFRA_BUTANE", str(tmp_path / "nothing"))
    with pytest.raises(HabitatError, match="shipped Butane units"):
        shipped_folder()
