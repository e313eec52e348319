"""Tests of SELinux modules: the real compiler makes them, its complaints stand at their lines."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import pytest

from toolbox.lib.butane.selinux import compiled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Workbench

HEAD = "variant: fcos\nversion: 1.5.0\n"
SOURCE = b"""\
# module other 1.0;
module local_web 1.0;
require { type httpd_t; type var_t; class file read; }
allow httpd_t var_t:file read;
"""
MAGIC = b"\x8d\xff\x7c\xf9"
"""What a policy module begins with."""


def file(kind: str, key: str = "contents: {local: web.te}") -> str:
    """Return a Butane file with one module; its kind is on line 6."""
    item = f"path: /etc/local/selinux/web.mod\n      template: {kind}\n      {key}"
    return f"{HEAD}storage:\n  files:\n    - {item}\n"


@pytest.mark.needs("checkmodule")
def test_c_2_1_compile_selinux_module(bare: Workbench) -> None:
    """The machine gets the binary module, byte for byte as the compiler makes it."""
    bare.write({"main.bu": file("selinux-te2mod"), "web.te": SOURCE})
    (item,) = json.loads(bare.ignition().json.reveal())["storage"]["files"]
    data = unpacked(item["contents"])
    module, findings = compiled(SOURCE, "web.te")
    assert not findings
    assert data == module
    assert data.startswith(MAGIC)
    assert b"local_web" in data


def unpacked(contents: dict[str, str]) -> bytes:
    """Return the bytes that contents of an Ignition config stand for."""
    kind, _, text = contents["source"].partition(",")
    data = base64.b64decode(text) if kind.endswith("base64") else unquote_to_bytes(text)
    return gzip.decompress(data) if contents.get("compression") == "gzip" else data


@pytest.mark.needs("checkmodule")
def test_same_source_same_module() -> None:
    """A module is the same bytes each time, so that the config is."""
    assert compiled(SOURCE, "x") == compiled(SOURCE, "x")


@pytest.mark.needs("checkmodule")
@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            SOURCE + b"\nalow a b;\n",
            "hosts/web/web.te:6: error[selinux]: syntax error at 'alow'",
        ),
        (
            SOURCE + b"allow nobody_t var_t:file read;\n",
            "hosts/web/web.te:5: error[selinux]: unknown type nobody_t\n  hint: name it in the",
        ),
        (b"", "hosts/web/web.te:1: error[selinux]: Building a policy module, but no module spec"),
        (
            b"policy_module(web, 1.0)\n",
            "hosts/web/web.te:1: error[selinux]: Building a policy module, but no module spec",
        ),
        (b"\x7fELF\x00\xff", "hosts/web/web.te:1: error[selinux]: "),
    ],
)
def test_mistakes(bare: Workbench, source: bytes, said: str) -> None:
    """A wrong source is told at its own line."""
    finding = bare.write({"main.bu": file("selinux-te2mod"), "web.te": source}).refusal()[0]
    assert finding.startswith(said)


def test_compiler_that_says_nothing(fake: Callable[[str, str], Path]) -> None:
    """A refusal without words is told, too."""
    fake("checkmodule", "exit 1")
    module, (finding,) = compiled(SOURCE, "web.te")
    assert module is None
    assert finding.render() == (
        "web.te: error[selinux]: checkmodule refuses it: it did not say why"
    )


def test_compiler_that_is_killed(fake: Callable[[str, str], Path]) -> None:
    """What is said without a line is told without one."""
    fake("checkmodule", "echo 'checkmodule:  out of memory' >&2; exit 1")
    _, (finding,) = compiled(SOURCE, "web.te")
    assert finding.line is None
    assert finding.message == "checkmodule refuses it: out of memory"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            file("selinux"),
            (
                ":6:17: error[unknown-template]: selinux is no kind of template for files\n"
                "  hint: did you mean selinux-te2mod?"
            ),
        ),
        (
            file("selinux-te2mod", "contents: {inline: x}"),
            (
                ":6:17: error[needless-template]: there is no local file here\n"
                "  hint: name the module's source with contents.local"
            ),
        ),
        (
            (
                f"{HEAD}systemd:\n  units:\n    - name: a.service\n      template: selinux-te2mod\n"
                "      contents_local: web.te\n"
            ),
            (
                ":6:17: error[unknown-template]: selinux-te2mod is no kind of template for units\n"
                "  hint: known here: jinja"
            ),
        ),
        (
            file("[jinja]"),
            (
                ":6:17: error[unknown-template]: this is no kind of template for files\n"
                "  hint: known here: jinja, selinux-te2mod"
            ),
        ),
    ],
)
def test_c_2_1_expand_templates_kinds(bare: Workbench, source: str, said: str) -> None:
    """Another kind, or one in the wrong place, is told with the right one."""
    (finding,) = bare.write({"main.bu": source, "web.te": SOURCE}).refusal()
    assert finding == f"hosts/web/main.bu{said}"
