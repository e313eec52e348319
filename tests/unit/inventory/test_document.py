"""Tests of YAML as a tree with places."""

from __future__ import annotations

import pytest

from toolbox.lib.inventory.document import Place, Scalar, Table, parse, value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("FALSE", False),
        ("'true'", "true"),
        ("~", None),
        ("", None),
        ("''", ""),
        ("0644", 420),
        ("0o644", 420),
        ("0x1F", 31),
        ("-0b11", -3),
        ("089", 89.0),
        ("1_000", 1000),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("12:30:45", "12:30:45"),
        ("8080:80", "8080:80"),
        ("2001-01-01", "2001-01-01"),
        ("!!str 5", "5"),
        ("=", "="),
        ("|\n  a\n", "a\n"),
    ],
)
def test_scalars_as_butane_reads_them(text: str, expected: object) -> None:
    """Scalars mean what Go's yaml.v3 takes them for, not what YAML 1.1 says."""
    node, findings = parse(f"key: {text}\n", "x.yaml")
    assert not findings
    assert value(node) == {"key": expected}
    assert type(value(node)["key"]) is type(expected)


def test_byte_order_marks() -> None:
    """A mark is passed over at the beginning, and a character of its word everywhere else."""
    node, findings = parse("\ufeffa: 1\n\ufeffb: &x [\ufeff, '\ufeff\ue000']\nc: *x\n", "x.yaml")
    assert not findings
    assert value(node) == {
        "a": 1,
        "\ufeffb": ["\ufeff", "\ufeff\ue000"],
        "c": ["\ufeff", "\ufeff\ue000"],
    }
    node, (finding,) = parse("a: 1\n\ufeff\n", "x.yaml")
    assert (node, finding.code) == (None, "yaml-syntax")


def test_keys_stay_texts() -> None:
    """A key is never a boolean or a number."""
    node, _ = parse("on: 1\nyes: 2\n80: 3\n", "x.yaml")
    assert value(node) == {"on": 1, "yes": 2, "80": 3}


def test_places() -> None:
    """Keys and values know their line and column."""
    node, _ = parse("a:\n  - b: 1\n    cé: x\n", "x.yaml")
    assert isinstance(node, Table)
    assert node.key_place("a") == Place("x.yaml", 1, 1)
    item = node.fields["a"].items[0]  # type: ignore[union-attr]
    assert isinstance(item, Table)
    assert item.fields["cé"] == Scalar("x", "plain")
    assert item.fields["cé"].place == Place("x.yaml", 3, 9)


def test_merge_keys() -> None:
    """An alias under << is laid below the keys that are written out."""
    node, findings = parse(
        "a: &a {x: 1, y: 1}\nb: {x: 2, <<: *a}\nc: {<<: [*a, {z: 3, x: 9}]}\n", "x"
    )
    assert not findings
    assert value(node) == {
        "a": {"x": 1, "y": 1},
        "b": {"x": 2, "y": 1},
        "c": {"x": 1, "y": 1, "z": 3},
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "x:3:1: error[duplicate-key]: a is given twice, first at x:1:1"),
        ("a: &a [*a]\n", "x:1:4: error[yaml-depth]"),
        ("? [a]\n: b\n", "x:1:3: error[yaml-key]"),
        ("a: {<<: 5}\n", "x:1:9: error[yaml-merge]"),
        ("a: !!binary aGk=\n", "x:1:4: error[yaml-tag]"),
        ("a: b: c\n", "x:1:5: error[yaml-syntax]: mapping values are not allowed"),
        ("\ta: 1\n", "x:1:1: error[yaml-syntax]"),
        ("a: *b\n", "x:1:4: error[yaml-syntax]: found undefined alias"),
        ("a: \x00\n", "x: error[yaml-syntax]"),
        ("a: 1\n...\n---\nb: 1\n", "x:4:1: error[several-documents]"),
    ],
)
def test_mistakes(text: str, expected: str) -> None:
    """What Butane would refuse or silently drop is found with its place."""
    _, findings = parse(text, "x")
    assert findings[0].render().startswith(expected)


def test_empty() -> None:
    """Nothing, or nothing but comments, is no document and no mistake."""
    assert parse("", "x") == (None, [])
    assert parse("# nothing\n", "x") == (None, [])
