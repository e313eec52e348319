"""Configs that name each other become one, by the rules of Ignition."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from toolbox.lib.reconfigure.desire.inheritance import DEEPEST, ConfigError, load, merged


def _source(config: dict[str, Any]) -> dict[str, str]:
    return {"source": f"data:,{quote(json.dumps(config))}"}


def _config(merge: tuple[dict[str, Any], ...] = (), **more: Any) -> dict[str, Any]:
    config = {"merge": [_source(child) for child in merge]}
    return {"ignition": {"version": "3.6.0", "config": config}, **more}


def _files(*paths: str, **more: Any) -> dict[str, Any]:
    return {"files": [{"path": path, **more} for path in paths]}


def test_children_win() -> None:
    """A child wins over its parent, a later one over an earlier, and what is absent stays."""
    first = _config(storage=_files("/a", mode=1, user={"id": 1}))
    second = _config(storage=_files("/a", "/b", mode=2))
    whole = load(json.dumps(_config((first, second), storage=_files("/a", "/c", mode=0))))
    modes = {file["path"]: file["mode"] for file in whole["storage"]["files"]}
    assert modes == {"/a": 2, "/c": 0, "/b": 2}
    assert whole["storage"]["files"][0]["user"] == {"id": 1}


def test_replaced() -> None:
    """What replaces a config drops all of it."""
    other = _config(storage=_files("/b"))
    config = {"version": "3.6.0", "config": {"replace": _source(other)}}
    whole = load(json.dumps({"ignition": config, "storage": _files("/a")}))
    assert whole["storage"] == _files("/b")


def test_lists() -> None:
    """Keys are a set, with the parent's first; what is appended adds up; an empty text is one."""
    parent = {
        "passwd": {"users": [{"name": "core", "sshAuthorizedKeys": ["a", "b"]}]},
        "storage": _files("/a", append=[{"source": "data:,x"}], contents={"compression": "gzip"}),
    }
    child = {
        "passwd": {"users": [{"name": "core", "sshAuthorizedKeys": ["b", "c"]}]},
        "storage": _files("/a", append=[{"source": "data:,x"}], contents={"compression": ""}),
    }
    whole = merged(parent, child)
    assert whole["passwd"]["users"][0]["sshAuthorizedKeys"] == ["a", "b", "c"]
    (file,) = whole["storage"]["files"]
    assert len(file["append"]) == 2
    assert file["contents"] == {"compression": ""}


def test_kinds() -> None:
    """A path that is a file below and a link above is a link."""
    whole = merged(
        {"storage": _files("/a", "/b")}, {"storage": {"links": [{"path": "/a", "target": "x"}]}}
    )
    assert whole["storage"] == {**_files("/b"), "links": [{"path": "/a", "target": "x"}]}


def test_each_has_its_own_version() -> None:
    """Bits that a child's version does not have are dropped in the child only."""
    old = {"ignition": {"version": "3.0.0"}, "storage": _files("/old", mode=0o4755)}
    whole = load(json.dumps(_config((old,), storage=_files("/new", mode=0o4755))))
    assert [file["mode"] for file in whole["storage"]["files"]] == [0o4755, 0o755]


def test_too_deep() -> None:
    """Configs that name each other without an end are refused."""
    config = _config()
    import base64
    import gzip

    for _ in range(DEEPEST + 2):
        packed = base64.b64encode(gzip.compress(json.dumps(config).encode())).decode()
        resource = {"source": f"data:;base64,{packed}", "compression": "gzip"}
        config = {"ignition": {"version": "3.6.0", "config": {"merge": [resource]}}}
    with pytest.raises(ConfigError, match="deep"):
        load(json.dumps(config))
