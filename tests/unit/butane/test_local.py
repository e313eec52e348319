"""Tests of local files: nothing is read that is not in the host's folder or linked into it."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

if TYPE_CHECKING:
    from conftest import Workbench

HEAD = "variant: fcos\nversion: 1.5.0\n"


def file(local: str) -> str:
    """Return a Butane file that names one local file, on its line 6."""
    item = f"path: /x\n      contents: {{local: {json.dumps(local)}}}"
    return f"{HEAD}storage:\n  files:\n    - {item}\n"


def tree(local: str) -> str:
    """Return a Butane file that names one tree, on its line 5."""
    return f"{HEAD}storage:\n  trees:\n    - local: {json.dumps(local)}\n      path: /t\n"


def contents(bench: Workbench) -> dict[str, str]:
    """Return the files of the Ignition config with the text of their data URLs."""
    config = json.loads(bench.ignition().json.reveal())
    return {item["path"]: text(item["contents"]["source"]) for item in config["storage"]["files"]}


def text(url: str) -> str:
    """Return the text of a data URL."""
    kind, _, data = url.partition(",")
    return base64.b64decode(data).decode() if kind.endswith("base64") else unquote(data)


@pytest.mark.parametrize(
    "local",
    [
        "../web.yaml",
        "../../project.yaml",
        "a/../../web.yaml",
        "/../web.yaml",
        "a/../../web/../web.yaml",
        "..",
    ],
)
@pytest.mark.parametrize("kind", [file, tree])
def test_r_2_1_join_paths_no_way_out(bare: Workbench, local: str, kind: object) -> None:
    """A path that leads out of the host's folder is refused, though the file is there."""
    assert callable(kind)
    (finding,) = bare.write({"a/x": "", "main.bu": kind(local)}).refusal()
    assert "error[local-escape]" in finding


def test_r_2_1_join_paths_a_sibling_with_the_same_beginning(bare: Workbench) -> None:
    """A folder whose name begins with the host's is another folder."""
    (bare.root / "hosts/web2").mkdir()
    (bare.root / "hosts/web2/x").write_text("")
    (finding,) = bare.write({"main.bu": file("../web2/x")}).refusal()
    assert "error[local-escape]" in finding


@pytest.mark.parametrize("link", ["x", "folder"])
def test_links_out_of_the_project(bare: Workbench, link: str) -> None:
    """A link out of the project is refused, be it the file or a folder on the way."""
    outside = bare.root.parent / "outside"
    outside.mkdir()
    (outside / "x").write_text("not yours")
    bare.write({"main.bu": file("x" if link == "x" else "folder/x")})
    target = outside / "x" if link == "x" else outside
    (bare.root / "hosts/web" / link).symlink_to(target)
    (finding,) = bare.refusal()
    assert finding.startswith("hosts/web/main.bu:6:25: error[local-escape]")


def test_a_tree_that_is_a_link_out_of_the_project(bare: Workbench) -> None:
    """A tree cannot be a link out of the project either."""
    bare.write({"main.bu": tree("t")})
    (bare.root / "hosts/web/t").symlink_to(bare.root.parent)
    (finding,) = bare.refusal()
    assert "error[local-escape]" in finding


def test_a_linked_module(bare: Workbench) -> None:
    """A folder of the project may be linked into the host's, for files, trees and templates."""
    module = bare.root / "modules/greet"
    module.mkdir(parents=True)
    (module / "greet.txt").write_text("hello {{ HOSTNAME }}\n")
    bare.write({"main.bu": file("greet/greet.txt"), "tree.bu": tree("greet")})
    (bare.root / "hosts/web/greet").symlink_to("../../modules/greet")
    assert contents(bare) == {
        "/x": "hello {{ HOSTNAME }}\n",
        "/t/greet.txt": "hello {{ HOSTNAME }}\n",
    }


def test_r_2_1_load_butane_dir_linked_project(bare: Workbench) -> None:
    """A project reached through a link is the same project."""
    bare.write({"main.bu": file("x"), "x": "text"})
    moved = bare.root.with_name("real")
    bare.root.rename(moved)
    bare.root.symlink_to(moved)
    assert contents(bare) == {"/x": "text"}


def test_the_whole_folder_as_a_tree(bare: Workbench) -> None:
    """The host's own folder may be a tree."""
    bare.write({"main.bu": tree("."), "x": "text"})
    assert contents(bare)["/t/x"] == "text"


def test_a_file_that_never_ends(bare: Workbench) -> None:
    """A pipe is no file; reading it would wait for ever."""
    bare.write({"main.bu": file("pipe")})
    os.mkfifo(bare.root / "hosts/web/pipe")
    (finding,) = bare.refusal()
    assert "error[missing-local]: hosts/web/pipe is no file" in finding


def test_a_broken_link(bare: Workbench) -> None:
    """A link to nothing in the project is told."""
    bare.write({"main.bu": file("x")})
    (bare.root / "hosts/web/x").symlink_to("nothing")
    (finding,) = bare.refusal()
    assert "error[missing-local]" in finding


def test_r_2_1_load_contents_bytes_are_kept(bare: Workbench) -> None:
    """Line endings, an empty file and bytes that are no text arrive as they are."""
    bare.write({"main.bu": file("x"), "x": "a\r\nb"})
    assert contents(bare) == {"/x": "a\r\nb"}
    bare.write({"x": ""})
    assert contents(bare) == {"/x": ""}
    bare.write({"x": b"\x7fELF\x00\xff"})
    assert '"data:,%7FELF%00%FF"' in bare.ignition().json.reveal()


def test_r_2_1_inline_local_files_dotfiles_of_trees(bare: Workbench) -> None:
    """A tree's dotfiles are not left out."""
    bare.write({"main.bu": tree("t"), "t/.x": "dot", "t/.y/z": "deep"})
    assert contents(bare) == {"/t/.x": "dot", "/t/.y/z": "deep"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("passwd", "{users: [{name: core, ssh_authorized_keys_local: [k]}]}"),
        ("storage", "{luks: [{name: d, device: /dev/x, key_file: {local: k}}]}"),
        ("storage", "{files: [{path: /x, append: [{local: k}]}]}"),
        ("ignition", "{security: {tls: {certificate_authorities: [{local: k}]}}}"),
        ("ignition", "{config: {merge: [{local: k}]}}"),
        ("ignition", "{config: {replace: {local: k}}}"),
    ],
)
def test_r_2_1_inline_local_files_everywhere(bare: Workbench, key: str, value: str) -> None:
    """Wherever Butane takes a local file, it is found, and missed when it is not there."""
    bare.write({"main.bu": f"{HEAD}{key}: {value}\n"})
    (finding,) = bare.refusal()
    assert "error[missing-local]: there is no hosts/web/k" in finding
    bare.write({"k": '{"ignition": {"version": "3.4.0"}}'})
    assert bare.ignition()


def test_rendered_files_keep_secrets_to_themselves(bench: Workbench) -> None:
    """A rendered file may hold secrets; a mistake in it does not tell them."""
    source = file("x").replace("contents", "template: jinja\n      contents")
    bench.write({"main.bu": source, "x": "{{ TLS_KEY }}"})
    assert "dGxzLWtleS1jYW5hcnk%3D" in bench.ignition().json.reveal()
    bench.write({"x": "{{ TLS_KEY + 1 }}{{ TLS_KEY | int(base=TLS_KEY) }}"})
    assert "dGxz" not in "".join(bench.refusal())
