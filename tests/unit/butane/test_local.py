"""Tests of local files: nothing is read that is not in the host's folder or linked into it."""

from __future__ import annotations

import base64
import gzip
import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_to_bytes

import pytest

from toolbox.lib.butane.layers import Layer
from toolbox.lib.butane.local import resolve

if TYPE_CHECKING:
    from pathlib import Path

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


def config(bench: Workbench) -> Any:
    """Return the Ignition config."""
    return json.loads(bench.ignition().json.reveal())


def files(bench: Workbench) -> Any:
    """Return the files of the Ignition config."""
    return config(bench)["storage"]["files"]


def raw(source: dict[str, str]) -> bytes:
    """Return the bytes that contents of an Ignition config stand for."""
    kind, _, data = source["source"].partition(",")
    found = base64.b64decode(data) if kind.endswith("base64") else unquote_to_bytes(data)
    return gzip.decompress(found) if source.get("compression") == "gzip" else found


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


def test_r_2_1_join_paths_is_where_a_path_leads(tmp_path: Path) -> None:
    """What is returned has no dots and no links in it, so that nobody has to look again."""
    (tmp_path / "project/folder").mkdir(parents=True)
    (tmp_path / "project/folder/x").write_text("")
    (tmp_path / "project/link").symlink_to("folder")
    (tmp_path / "way").symlink_to("project")
    layer = Layer("host", tmp_path / "way", tmp_path / "way")
    for written in ("folder/x", "./link/./x", "/folder/../folder/x", "link/../folder/x"):
        assert resolve(layer, written) == tmp_path / "project/folder/x"


@pytest.mark.parametrize("link", ["x", "folder"])
def test_r_2_1_join_paths_links_out_of_the_project(bare: Workbench, link: str) -> None:
    """A link out of the project is refused, be it the file or a folder on the way."""
    outside = bare.root.parent / "outside"
    outside.mkdir()
    (outside / "x").write_text("not yours")
    bare.write({"main.bu": file("x" if link == "x" else "folder/x")})
    target = outside / "x" if link == "x" else outside
    (bare.root / "hosts/web" / link).symlink_to(target)
    *of_the_link, finding = bare.refusal()
    assert finding.startswith("hosts/web/main.bu:6:25: error[local-escape]")
    assert [line.split("]")[0] for line in of_the_link] == (
        ["hosts/web/folder: error[link-escape"] if link == "folder" else []
    )


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


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no newline at the end",
        b"a\r\nb\nc\rd\r\n",
        "grün".encode("latin-1"),
        b"a" * 9000 + b"\xff\xfe",
        bytes(range(256)),
        b"\xef\xbb\xbfmark",
        b"{{ not.a.template }}{% if",
        b"\x1f\x8b\x08 looks like gzip",
        bytes(range(256)) * 8192,
    ],
    ids=["empty", "open", "lines", "latin1", "late", "all", "bom", "braces", "gzip", "large"],
)
@pytest.mark.parametrize("kind", [file, tree])
def test_r_2_1_is_text_and_load_contents(bare: Workbench, data: bytes, kind: object) -> None:
    """Whatever bytes a file has, the machine gets them; nobody guesses what they are."""
    assert callable(kind)
    bare.write({"main.bu": kind("d" if kind is tree else "d/x"), "d/x": data})
    (item,) = config(bare)["storage"]["files"]
    assert raw(item["contents"]) == data


def test_r_2_1_inline_local_files_modes_and_links_of_trees(bare: Workbench) -> None:
    """Executables stay executable, nothing is writable by a group, and links stay links."""
    bare.write({"main.bu": tree("t"), "t/x": "", "t/bin/run": "#!/bin/sh\n", "t/shared": ""})
    (bare.root / "hosts/web/t/bin/run").chmod(0o755)
    (bare.root / "hosts/web/t/shared").chmod(0o666)
    (bare.root / "hosts/web/t/link").symlink_to("bin/run")
    (bare.root / "hosts/web/t/to-folder").symlink_to("bin")
    storage = config(bare)["storage"]
    modes = {item["path"]: item["mode"] for item in storage["files"]}
    assert modes == {"/t/x": 0o644, "/t/bin/run": 0o755, "/t/shared": 0o644}
    links = {item["path"]: item["target"] for item in storage["links"]}
    assert links == {"/t/link": "bin/run", "/t/to-folder": "bin"}


@pytest.mark.parametrize("target", ["{outside}", "../../../../outside/x", "nowhere", "/etc/hosts"])
def test_links_inside_of_a_tree_are_the_machines(bare: Workbench, target: str) -> None:
    """A link in a tree is made on the machine as it is, wherever it leads; it is never followed."""
    outside = bare.root.parent / "outside"
    outside.mkdir()
    (outside / "x").write_text("not yours")
    bare.write({"main.bu": tree("t"), "t/x": ""})
    target = target.format(outside=outside)
    (bare.root / "hosts/web/t/link").symlink_to(target)
    text = bare.ignition().json.reveal()
    links = json.loads(text)["storage"]["links"]
    assert links == [{"path": "/t/link", "target": target}]
    assert "not yours" not in text
    assert "not%20yours" not in text


def test_a_tree_with_what_is_no_file(bare: Workbench) -> None:
    """A pipe inside of a tree is told at the tree."""
    bare.write({"main.bu": tree("t"), "t/x": ""})
    os.mkfifo(bare.root / "hosts/web/t/pipe")
    (finding,) = bare.refusal()
    assert finding.startswith("hosts/web/main.bu:5:")
    assert "trees may only contain files, directories, and symlinks" in finding


@pytest.mark.parametrize("name", ["x", "a/x", "no" * 3000, "a\0b"])
def test_paths_that_cannot_be_followed(bare: Workbench, name: str) -> None:
    """Links in a circle, and names that no file can have, are told."""
    bare.write({"main.bu": file(name), "a/y": ""})
    (bare.root / "hosts/web/x").symlink_to("x")
    (bare.root / "hosts/web/a/x").symlink_to("../x")
    (finding,) = bare.refusal()
    assert finding.startswith("hosts/web/main.bu:6:25: error[missing-local]")


def test_quadlets(bare: Workbench) -> None:
    """Quadlets and their drop-ins take local files, rendered or not, where Butane knows them."""
    bare.write(
        {
            "main.bu": (
                "variant: fcos\nversion: 1.8.0-experimental\nsystemd:\n  quadlets:\n"
                "    - name: a.container\n      template: jinja\n      contents_local: a\n"
                "      dropins:\n        - {name: d.conf, contents_local: d}\n"
            ),
            "a": "[Container]\nImage={{ HOSTNAME }}\n",
            "d": "[Container]\n# {{ braces }}\n",
        }
    )
    found = {item["path"].split("/")[-1]: raw(item["contents"]) for item in files(bare)}
    assert found == {
        "a.container": b"[Container]\nImage=web\n",
        "d.conf": b"[Container]\n# {{ braces }}\n",
    }


def test_r_2_1_expand_templates_binary_source(bare: Workbench) -> None:
    """A template that is no text is told so, at its item."""
    source = file("x").replace("contents", "template: jinja\n      contents")
    (finding,) = bare.write({"main.bu": source, "x": "grün".encode("latin-1")}).refusal()
    assert finding.startswith("hosts/web/main.bu:7:25: error[not-text]: x is not UTF-8 text")


@pytest.mark.parametrize(
    "data", ["", "{% if false %}x{% endif %}", "a\r\nb{{ '' }}\n", "no newline"]
)
def test_r_2_1_jinja_run_file(bare: Workbench, data: str) -> None:
    """A rendered local file keeps its line endings, its last newline, and may become empty."""
    source = file("x").replace("contents", "template: jinja\n      contents")
    bare.write({"main.bu": source, "x": data})
    assert contents(bare)["/x"] == data.replace("{% if false %}x{% endif %}", "").replace(
        "{{ '' }}", ""
    )


def test_a_mistake_in_a_rendered_file_has_its_line(bare: Workbench) -> None:
    """A local file that is rendered has its mistakes at its own lines."""
    source = file("x").replace("contents", "template: jinja\n      contents")
    (finding,) = bare.write({"main.bu": source, "x": "a\n\n{{ 'x' | cidr2ip }}\n"}).refusal()
    assert finding.startswith("hosts/web/x:3: error[template-error]: cidr2ip: 'x' is no network")


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "# {% if false %}\nstorage: {}\n# {% endif %}\n", "# only a comment\n", "---\n"],
)
def test_r_2_1_load_butane_dir_empty_file(bare: Workbench, text: str) -> None:
    """A file that renders to nothing is an empty config."""
    bare.write({"main.bu": file("x"), "empty.bu": text, "x": "text"})
    assert contents(bare) == {"/x": "text"}


def test_a_loop_around_a_whole_file(bare: Workbench) -> None:
    """A whole file may be made of a loop, in comments that other tools skip."""
    bare.write(
        {
            "main.bu": (
                f"{HEAD}storage:\n  files:\n# {{% for name in ['a', 'b'] %}}\n"
                "    - path: /{{ name }}\n      contents: {inline: '{{ loop.index }}'}\n"
                "# {% endfor %}\n"
            )
        }
    )
    assert contents(bare) == {"/a": "1", "/b": "2"}


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ27pSvqm8NYtkLO8kAIH0sWbVBoFYGD+1mvaAZxG0yd k"
CHILD = b'{"ignition": {"version": "3.4.0"}}\r\n'
BYTES = bytes(range(256))
PEM = b"-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("written", "path", "data"),
    [
        (
            "storage: {luks: [{name: d, device: /dev/x, key_file: {local: k}}]}",
            ("storage", "luks", 0, "keyFile"),
            BYTES,
        ),
        (
            "storage: {files: [{path: /x, append: [{inline: a}, {local: k}]}]}",
            ("storage", "files", 0, "append", 1),
            BYTES,
        ),
        (
            "ignition: {security: {tls: {certificate_authorities: [{local: k}]}}}",
            ("ignition", "security", "tls", "certificateAuthorities", 0),
            PEM,
        ),
        ("ignition: {config: {merge: [{local: k}]}}", ("ignition", "config", "merge", 0), CHILD),
        ("ignition: {config: {replace: {local: k}}}", ("ignition", "config", "replace"), CHILD),
    ],
)
def test_r_2_1_inline_local_files_contents(
    bare: Workbench, written: str, path: tuple[str | int, ...], data: bytes
) -> None:
    """Wherever Butane takes a local file, its bytes arrive."""
    found = config(bare.write({"main.bu": f"{HEAD}{written}\n", "k": data}))
    for step in path:
        found = found[step]
    assert raw(found) == data


def test_r_2_1_inline_local_files_texts(bare: Workbench) -> None:
    """Units, drop-ins and keys are texts in the config; each of their lines arrives."""
    bare.write(
        {
            "main.bu": (
                f"{HEAD}passwd:\n  users: [{{name: core, ssh_authorized_keys_local: [k, k2]}}]\n"
                "systemd:\n  units:\n    - name: a.service\n      contents_local: u\n"
                "      dropins: [{name: d.conf, contents_local: d}]\n"
            ),
            "k": f"{KEY}\r\n\n{KEY}2\n",
            "k2": f"{KEY}3",
            "u": "[Service]\r\nExecStart=/bin/true {{ x }}",
            "d": "",
        }
    )
    found = config(bare)
    assert found["passwd"]["users"][0]["sshAuthorizedKeys"] == [KEY, f"{KEY}2", f"{KEY}3"]
    (unit,) = found["systemd"]["units"]
    assert unit["contents"] == "[Service]\r\nExecStart=/bin/true {{ x }}"
    assert unit["dropins"] == [{"contents": "", "name": "d.conf"}]


@pytest.mark.parametrize("key", ["contents_local", "dropins: [{name: d.conf, contents_local"])
def test_a_unit_of_bytes(bare: Workbench, key: str) -> None:
    """A unit is a text in the config, so one that is none is refused, not damaged."""
    end = "}]" if key.startswith("dropins") else ""
    source = f"{HEAD}systemd:\n  units:\n    - name: a.service\n      {key}: u{end}\n"
    bare.write({"main.bu": source, "u": b"[Service]\n# gr\xfcn\n"})
    (finding,) = bare.refusal()
    assert finding.startswith("hosts/web/main.bu:6:")
    assert "error[not-text]: hosts/web/u is not UTF-8 text, as its byte 14 shows" in finding


def test_rendered_files_keep_secrets_to_themselves(bench: Workbench) -> None:
    """A rendered file may hold secrets; a mistake in it does not tell them."""
    source = file("x").replace("contents", "template: jinja\n      contents")
    bench.write({"main.bu": source, "x": "{{ TLS_KEY }}"})
    assert "dGxzLWtleS1jYW5hcnk%3D" in bench.ignition().json.reveal()
    bench.write({"x": "{{ TLS_KEY + 1 }}{{ TLS_KEY | int(base=TLS_KEY) }}"})
    assert "dGxz" not in "".join(bench.refusal())
