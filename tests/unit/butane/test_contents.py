"""What files hold on the machine, and where each of their lines was written."""

from __future__ import annotations

import base64
import gzip
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolbox.lib.butane import contents
from toolbox.lib.inventory.document import Place, Table, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from toolbox.lib.butane.contents import Contents

LINES = st.lists(st.text(st.sampled_from("ab \t"), max_size=3), min_size=1, max_size=4)


def _url(data: str | bytes) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return f"data:;base64,{base64.b64encode(raw).decode()}"


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Contents]:
    """Return what reads a config in ``a.bu`` and what came out of it."""

    def of(text: str, ignition: Mapping[str, Any], made: Mapping[str, Any] | None = None) -> Any:
        node, mistakes = parse(text, "a.bu")
        assert isinstance(node, Table)
        assert not mistakes
        source = contents.Source(
            node, tmp_path, Place("hosts/web"), lambda path: path.name, made or {}
        )
        return contents.of(source, ignition)

    return of


def _files(*files: dict[str, Any]) -> dict[str, Any]:
    return {"storage": {"files": list(files)}}


def _contents(data: str | bytes, **more: Any) -> dict[str, Any]:
    return {"contents": {"source": _url(data), **more}}


@given(st.lists(LINES, min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_of_parts(read: Any, parts: list[list[str]]) -> None:
    """Each line of a file that is joined of several is a line of one of them."""
    texts = ["".join(f"{line}\n" for line in lines) for lines in parts]
    head, *appended = [f"{{local: part{number}}}" for number in range(len(parts))]
    item = f"path: /a\n      contents: {head}\n      append: [{', '.join(appended)}]"
    added = [{"source": _url(text)} for text in texts[1:]]
    ignition = _files({"path": "/a", **_contents(texts[0]), "append": added})

    file = read(f"storage:\n  files:\n    - {item}\n", ignition).files["/a"]

    written = [
        (line, Place(f"part{number}", at, 1))
        for number, lines in enumerate(parts)
        for at, line in enumerate(lines, start=1)
    ]
    found = [(line, file.at(at, 1)) for at, line in enumerate(file.lines[:-1], start=1)]
    assert found == written


@given(LINES, st.integers(min_value=0, max_value=9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_beyond_the_end(read: Any, lines: list[str], more: int) -> None:
    """What is told of a line behind the end is at the last one."""
    ignition = _files({"path": "/a", **_contents("\n".join(lines))})
    config = "storage: {files: [{path: /a, contents: {local: x}}]}"

    file = read(config, ignition).files["/a"]
    last = max(file.data.count(b"\n") + (not file.data.endswith(b"\n")), 1)

    assert file.at(last + 1 + more, 7) == Place("x", last)


def test_places(read: Any, tmp_path: Path) -> None:
    """Texts, local files, files of trees, rendered ones, quadlets and units have their lines."""
    (tmp_path / "tree/etc").mkdir(parents=True)
    (tmp_path / "tree/etc/deep").write_text("")
    config = """\
storage:
  trees:
    - {local: tree, path: /srv}
  files:
    - path: /inline
      contents:
        inline: |
          first
          second
    - {path: /rendered, contents: {local: made/0}}
systemd:
  quadlets:
    - {name: a.container, rootful: true, contents_local: quadlet}
    - name: b.volume
      contents: |
        one
        two
  units:
    - name: a.service
      enabled: true
      contents: |
        one
        two
      dropins: [{name: x.conf, contents_local: dropin}]
"""
    paths = {
        "/inline": Place("a.bu", 9, 11),
        "/rendered": Place("template", 20, 1),
        "/srv/etc/deep": Place("deep", 2, 1),
        "/etc/containers/systemd/a.container": Place("quadlet", 2, 1),
        "/etc/containers/systemd/users/b.volume": Place("a.bu", 17, 9),
        "/from/nowhere": Place("hosts/web"),
    }
    files = _files(*({"path": path, **_contents("1\n2\n")} for path in paths))
    unit = {"name": "a.service", "contents": "1\n2\n", "enabled": True}
    dropins = [{"name": "x.conf", "contents": "1\n2\n"}]
    made = {"made/0": lambda line, column: Place("template", line * 10, column)}

    found = read(config, files | {"systemd": {"units": [unit | {"dropins": dropins}]}}, made)

    assert {path: file.at(2, 1) for path, file in found.files.items()} == paths
    (told,) = found.units
    assert told.content.at(2, 1) == Place("a.bu", 23, 9)
    assert told.dropins[0].at(2, 1) == Place("dropin", 2, 1)
    assert told.enabled_place == Place("a.bu", 20, 7)
    assert [file.rendered for file in found.files.values()] == [
        True,
        True,
        False,
        False,
        True,
        True,
    ]


def test_not_known_here(read: Any) -> None:
    """What the machine fetches, or has, is left out, with all that is added to it."""
    remote = {"contents": {"source": "https://example.org/x"}}
    ignition = _files(
        {"path": "/a", **remote},
        {"path": "/b", "append": [{"source": _url("x")}, remote["contents"]]},
        {"path": "/c"},
    )

    found = read("storage: {}", ignition)

    assert (found.files, found.findings) == ({}, ())


def test_compressed(read: Any) -> None:
    """A file is what it is on the machine, whatever it was on its way."""
    data = gzip.compress(b"text\n")
    found = read("storage: {}", _files({"path": "/a", **_contents(data, compression="gzip")}))

    assert found.files["/a"].text == "text\n"


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (
            _contents("x", verification={"hash": "sha256-00"}),
            "a.bu:1:19: error[bad-resource]: Ignition would refuse /a: its sha256 is",
        ),
        (
            {"contents": {"source": "data:;base64,x"}},
            "a.bu:1:19: error[bad-resource]: Ignition would refuse /a: this is not Base64",
        ),
        (
            _contents(gzip.compress(bytes(contents.LARGEST + 1)), compression="gzip"),
            "a.bu:1:19: info[not-checked]: /a was not looked at: unpacked it has more than",
        ),
    ],
    ids=["hash", "base64", "large"],
)
def test_refused(read: Any, file: dict[str, Any], told: str) -> None:
    """What Ignition would refuse is told where the file is named; what is too large is not read."""
    found = read("storage: {files: [{path: /a}]}", _files({"path": "/a", **file}))

    assert found.files == {}
    assert found.findings[0].render().startswith(told)


def test_units_and_links(read: Any) -> None:
    """What the config says of units and links is there, an empty unit has no file."""
    units = [{"name": "a.service", "mask": True, "contents": ""}, {"name": "b.service"}]
    links = [{"path": "/a", "target": "b"}]

    found = read("x: {}", {"systemd": {"units": units}, "storage": {"links": links}})

    assert [(unit.content, unit.masked, unit.enabled) for unit in found.units] == [
        (None, True, None),
        (None, False, None),
    ]
    assert found.links == {"/a": "b"}
    assert list(found.every()) == []


@pytest.mark.parametrize(("data", "expected"), [(b"\xff\n", True), (b"a\0b", False), (b"", True)])
def test_is_text(data: bytes, expected: bool) -> None:
    """Only what has a NUL is no text."""
    assert contents.Content("/a", data, Place("a")).is_text is expected
