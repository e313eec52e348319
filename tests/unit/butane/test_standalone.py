"""One file outside of any project: as Butane itself does it, told with its line."""

from __future__ import annotations

import hashlib
import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.butane.complaint import VERSIONS
from toolbox.lib.butane.standalone import Options, is_template, translate
from toolbox.lib.core.errors import ProgramMissing, ToolboxError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAD = "variant: fcos\nversion: 1.6.0\n"
FILE = f"{HEAD}storage:\n  files:\n    - path: /a\n      contents:\n        inline: "
ENABLED = f"{HEAD}systemd:\n  units:\n    - name: a.service\n      enabled: true\n"
BAD_UNIT = "invalid unit content: unexpected newline encountered while parsing option name"
OPENSHIFT = """\
variant: openshift
version: {version}
metadata:
  name: x
  labels:
    machineconfiguration.openshift.io/role: worker
"""


def _refusal(text: str | bytes, **options: object) -> list[str]:
    source = text.encode() if isinstance(text, str) else text
    with pytest.raises(ToolboxError) as caught:
        translate(source, "x.bu", Options(**options))  # type: ignore[arg-type]
    return [finding.render() for finding in caught.value.findings]


def _versions() -> Iterator[tuple[str, str]]:
    for variant, words in VERSIONS.items():
        for part in words.split(", "):
            first, _, last = part.partition(" to ")
            major, minor, *_ = first.split(".")
            until = int((last or first).split(".")[1])
            for number in range(int(minor), until + 1):
                rest = first.split(".", 2)[2]
                yield variant, f"{major}.{number}.{rest}"


@pytest.mark.parametrize(("variant", "version"), list(_versions()))
def test_every_version(variant: str, version: str) -> None:
    """Butane knows each version that we tell people of."""
    head = f"variant: {variant}\nversion: {version}\n"
    text = OPENSHIFT.format(version=version) if variant == "openshift" else head

    done = translate(text.encode(), "x.bu", Options())

    assert done.kind == ("MachineConfig" if variant == "openshift" else "Ignition")
    assert done.sha256 == f"sha256-{hashlib.sha256(done.output).hexdigest()}"
    assert done.findings == ()


@pytest.mark.parametrize("variant", list(VERSIONS))
def test_newer_versions_are_not_known(variant: str) -> None:
    """What we tell people of is all that there is."""
    *_, last = (version for known, version in _versions() if known == variant)
    major, minor, _ = last.split(".", 2)

    (told,) = _refusal(f"variant: {variant}\nversion: {major}.{int(minor) + 1}.0\n")

    assert told.startswith(f"x.bu:2:10: error[unknown-version]: Butane knows no variant {variant}")
    assert VERSIONS[variant] in told


@pytest.mark.parametrize(
    "text",
    [
        f'{FILE}"{{{{ name }}}} {{% if x %}} {{# no #}}"\n',
        f"{FILE}|\n          a\\\n          b\r\n",
        FILE.replace("\n", "\r\n") + "x\r\n",
        f"{HEAD}---\nanother: document\n",
        f"{HEAD}x-anchor: &a {{path: /b}}\nstorage:\n  files: [*a]\n",
        f"\ufeff{HEAD}",
    ],
    ids=["braces", "backslash", "crlf", "documents", "alias", "mark"],
)
def test_byte_for_byte(text: str) -> None:
    """A file that is no template goes to Butane as it is, whatever it holds."""
    butane = subprocess.run(["butane"], input=text.encode(), capture_output=True, check=True)

    assert translate(text.encode(), "x.bu", Options()).output == butane.stdout


def test_template() -> None:
    """A template sees what is set, and no more."""
    done = translate(f'{FILE}"{{{{ name }}}}"\n'.encode(), "x", Options(names={"name": "web"}))

    assert json.loads(done.output)["storage"]["files"][0]["contents"]["source"] == "data:,web"
    (told,) = _refusal(f"{FILE}{{{{ names }}}}\n", names={"name": "web"})
    assert told == "x.bu:7: error[undefined-name]: names is not defined\n  hint: did you mean name?"


def test_line_of_a_template() -> None:
    """What is wrong is at the line of the template, not of what it renders to."""
    loop = "{% for n in [1, 2] %}\n    - path: a{{ n }}\n{% endfor %}\n"
    text = f"{HEAD}storage:\n  files:\n{loop}"

    assert _refusal(text, names={}) == [
        "x.bu:6:13: error[butane]: path not absolute\n  hint: begin it with /",
    ]


@pytest.mark.parametrize(
    ("file", "expected"), [("a/web.bu.j2", True), ("web.bu", False), ("j2.bu", False)]
)
def test_is_template(file: str, expected: bool) -> None:
    """Its name makes a file a template."""
    assert is_template(file) is expected


def test_warnings() -> None:
    """What Butane warns of is told, and refused with strict only."""
    text = f'{ENABLED}      contents: "[Service]\\n"\n'
    warning = 'x.bu:7:17: warning[butane]: unit "a.service" is enabled, but has no install section'

    (told,) = translate(text.encode(), "x.bu", Options()).findings
    (refused,) = _refusal(text, strict=True)

    assert told.render().startswith(warning)
    assert refused.startswith(warning)


def test_local_files(tmp_path: Path) -> None:
    """Local files are found in the folder that is given, and nowhere without one."""
    (tmp_path / "motd").write_bytes(b"\xff\n")
    text = f"{HEAD}storage:\n  files:\n    - path: /a\n      contents:\n        local: motd\n"

    done = translate(text.encode(), "x.bu", Options(files_dir=tmp_path))
    (told,) = _refusal(text)

    assert "%FF%0A" in done.output.decode()
    assert told.startswith("x.bu:7:16: error[butane]: local file paths are relative")
    assert "--files-dir" in told.partition("hint: ")[2]


def test_raw() -> None:
    """Raw makes Ignition of a MachineConfig, and tells what is lost."""
    text = OPENSHIFT.format(version="4.14.0") + "openshift:\n  fips: true\n"

    done = translate(text.encode(), "x.bu", Options(raw=True))

    assert json.loads(done.output)["ignition"]["version"] == "3.4.0"
    assert [finding.render() for finding in done.findings] == [
        "x.bu:8:9: warning[butane]: field ignored in raw mode"
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "x.bu:1: error[missing-variant]: the key variant is missing"),
        ("variant: fcos\n", "x.bu:1: error[bad-version]: the key version is missing"),
        ("variant: fcos\nversion: one\n", "x.bu:2:10: error[bad-version]: the key version"),
        ("hello\n", "x.bu:1: error[wrong-kind]: hello is not a mapping"),
        (
            f"{HEAD}variant: fcos\n",
            "x.bu:3: error[duplicate-key]: variant is given twice, first on",
        ),
        (f"{HEAD}storage: 7\n", "x.bu:3: error[wrong-kind]: 7 is not a mapping"),
        (
            f"{HEAD}storage:\n  files: [\n",
            "x.bu:5:1: error[yaml-syntax]: while parsing a flow node",
        ),
        (
            f"{HEAD}storage:\n  files:\n   - path: /a\n  x\n",
            "x.bu:7:1: error[yaml-syntax]: while scanning a simple key that begins on line 6: ",
        ),
        (f"{HEAD}\tstorage: 1\n", "x.bu:3:1: error[yaml-syntax]: "),
        (b"variant: fcos\n# \xff\n", "x.bu:2: error[not-text]: byte 16 is not UTF-8"),
        (
            f"{ENABLED}      contents: |\n        [Service]\n        ExecStart=/x\n        oops\n",
            f"x.bu:10: error[butane]: {BAD_UNIT}, on line 3 of the unit: oops",
        ),
        (
            f'{ENABLED}      contents: "[Service]\\noops\\n"\n',
            f"x.bu:7:17: error[butane]: {BAD_UNIT}, on line 2 of the unit",
        ),
    ],
)
def test_refusals(text: str | bytes, told: str) -> None:
    """What Butane refuses is refused with one finding at the line that was written."""
    (refused,) = _refusal(text)

    assert refused.startswith(told)


def test_line_of_a_local_unit(tmp_path: Path) -> None:
    """What is wrong in a local file is told with the line of that."""
    (tmp_path / "a.service").write_text("[Service]\n\noops\n")
    text = f"{ENABLED}      contents_local: a.service\n"

    (told,) = _refusal(text, files_dir=tmp_path)

    assert told == f"{tmp_path}/a.service:3: error[butane]: {BAD_UNIT}: oops"


def test_several_documents() -> None:
    """Of several documents Butane reads the first, which is worth a warning."""
    (told,) = translate(f"{HEAD}---\na: 1\n".encode(), "x.bu", Options(strict=True)).findings

    assert told.render().startswith("x.bu:4:1: warning[several-documents]: another YAML document")


def test_without_butane(monkeypatch: pytest.MonkeyPatch) -> None:
    """A habitat without Butane says which program is missing."""
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ProgramMissing, match="butane"):
        translate(HEAD.encode(), "x.bu", Options())
