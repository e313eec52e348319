"""Tests of !reset and !override: what they mean, their laws, and that Butane never sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.butane.merge import join, merge, merged
from toolbox.lib.inventory.document import (
    OVERRIDE,
    PLAIN,
    RESET,
    Items,
    Node,
    Scalar,
    Table,
    parse,
    value,
)

if TYPE_CHECKING:
    from conftest import Workbench

HEAD = "variant: fcos\nversion: 1.6.0\n"


def tree(text: str, file: str = "x.bu") -> Table:
    """Return the tree of a YAML text with marks."""
    node, findings = parse(text, file, marks=True)
    assert not findings
    assert isinstance(node, Table)
    return node


def laid(*texts: str) -> Any:
    """Return what YAML texts merge to; nothing may be needless."""
    table, findings = merged([tree(text, f"{number}.bu") for number, text in enumerate(texts)])
    assert not findings
    return value(table)


def files_of(text: str, file: str = "x.bu") -> Table:
    """Return a config with a text's files."""
    return tree(f"storage: {{files: {text}}}", file)


def files(*texts: str) -> Any:
    """Return the files that texts of file lists merge to."""
    return laid(*(f"storage: {{files: {text}}}" for text in texts))["storage"]["files"]


def test_r_2_1_merge_dict_struct_lists_are_shortened_and_replaced() -> None:
    """Of a list without names an item is taken away, or all of it is another one."""
    below = "kernel_arguments: {should_exist: [a, b, c]}"
    assert laid(below, "kernel_arguments: {should_exist: [!reset b]}") == {
        "kernel_arguments": {"should_exist": ["a", "c"]}
    }
    assert laid(below, "kernel_arguments: {should_exist: !override [d]}") == {
        "kernel_arguments": {"should_exist": ["d"]}
    }


BELOW = "[{path: /a, mode: 1, contents: {inline: x}}, {path: /b, mode: 2}]"


@pytest.mark.parametrize(
    ("above", "left"),
    [
        (
            "[{path: /a, mode: !reset null}]",
            [{"path": "/a", "contents": {"inline": "x"}}, {"path": "/b", "mode": 2}],
        ),
        ("[{path: /a, contents: !reset }]", [{"path": "/a", "mode": 1}, {"path": "/b", "mode": 2}]),
        ("[!reset {path: /a}]", [{"path": "/b", "mode": 2}]),
        ("[!override {path: /a, mode: 3}]", [{"path": "/a", "mode": 3}, {"path": "/b", "mode": 2}]),
        ("!override [{path: /c}]", [{"path": "/c"}]),
        (
            "[{path: /a, contents: !override {compression: z}}]",
            [
                {"path": "/a", "mode": 1, "contents": {"compression": "z"}},
                {"path": "/b", "mode": 2},
            ],
        ),
        (
            "[{path: /a, contents: !override null}]",
            [{"path": "/a", "mode": 1}, {"path": "/b", "mode": 2}],
        ),
    ],
)
def test_what_they_mean(above: str, left: list[dict[str, Any]]) -> None:
    """A reset takes a key, an item or all of them away; an override is not merged."""
    assert files(BELOW, above) == left


def test_a_whole_list() -> None:
    """A list goes with all that is in it, from every layer below."""
    below = f"storage: {{files: {BELOW}}}"
    assert laid(below, "storage: {files: [{path: /c}]}", "storage: {files: !reset []}") == {
        "storage": {}
    }


def test_what_comes_later_is_new() -> None:
    """What was taken away and is said again has nothing of before."""
    assert files(BELOW, "[!reset {path: /a}]", "[{path: /a}]") == [
        {"path": "/a"},
        {"path": "/b", "mode": 2},
    ]
    assert files(BELOW, "!reset []", "[{path: /a}]") == [{"path": "/a"}]


def test_items_without_a_name() -> None:
    """A text in a list goes when it is the same, a mapping when it agrees with what is said."""
    below = "passwd: {users: [{name: core, groups: [a, 'b', c]}]}"
    above = "passwd: {users: [{name: core, groups: [!reset b, !reset 'c', d]}]}"
    assert laid(below, above)["passwd"]["users"][0]["groups"] == ["a", "d"]
    below = "storage: {trees: [{local: a, path: /x}, {local: b, path: /x}, {local: c, path: /y}]}"
    assert laid(below, "storage: {trees: [!reset {path: /x}]}")["storage"]["trees"] == [
        {"local": "c", "path": "/y"}
    ]


def test_quotes_still_tell_what_a_value_is() -> None:
    """With a tag in front a number is a number and a text a text."""
    above = "[{path: /a, mode: !override 0644, user: {name: !override '0644'}}]"
    assert files(BELOW, above)[0]["mode"] == 0o644
    assert files(BELOW, above)[0]["user"] == {"name": "0644"}


@pytest.mark.parametrize(
    ("above", "told"),
    [
        ("[!reset {path: /aa}]", "1.bu:1:19: there is no /aa below to reset|did you mean /a?"),
        ("[{path: /b, user: !reset null}]", "1.bu:1:36: there is no user below to reset|remove it"),
        ("[!override {path: /b, mode: !reset }]", None),
        ("[{path: /n, mode: !reset null}]", "1.bu:1:36: there is no mode below to reset|remove it"),
        ("[{path: /a, append: [!reset {inline: x}]}]", "1.bu:1:39: nothing to reset|remove it"),
    ],
)
def test_nothing_to_reset(above: str, told: str | None) -> None:
    """A reset of what is not there is a warning at its line."""
    _, (finding,) = merged([files_of(BELOW, "0.bu"), files_of(above, "1.bu")])
    assert (finding.severity, finding.code) == ("warning", "needless-reset")
    if told is not None:
        place = f"{finding.file}:{finding.line}:{finding.column}"
        assert f"{place}: {finding.message}|{finding.hint}" == told


def test_a_reset_twice() -> None:
    """The second reset of a thing finds it gone; a path of another kind is another thing."""
    once = [files_of("[{path: /a}]"), files_of("[!reset {path: /a}]")]
    table, findings = merged([*once, files_of("[!reset {path: /a}]")])
    assert value(table) == {"storage": {"files": []}}
    assert [item.code for item in findings] == ["needless-reset"]
    table, findings = merged([once[0], tree("storage: {links: [!reset {path: /a}]}")])
    assert value(table)["storage"]["files"] == [{"path": "/a"}]
    assert [item.code for item in findings] == ["needless-reset"]


def test_kernel_arguments() -> None:
    """An argument that should not exist any more is not among those that should."""
    below = "kernel_arguments: {should_exist: [a, b]}"
    assert laid(below, "kernel_arguments: {should_not_exist: [a]}") == {
        "kernel_arguments": {"should_exist": ["b"], "should_not_exist": ["a"]}
    }


def test_butane_sees_no_tags(bare: Workbench) -> None:
    """Tags work in templates, keep their lines, and are gone in what Butane gets."""
    below = "storage:\n  files:\n    - path: /a\n      mode: 0600\n    - path: /b\n"
    loop = "{% for n in ['a', 'c'] %}\n    - !reset {path: /{{ n }}}\n{% endfor %}\n"
    bare.write({"1.bu": HEAD + below, "2.bu": f"{HEAD}storage:\n  files:\n{loop}"})
    text = bare.text()
    assert "/b" in text
    assert not any(word in text for word in ("!", "/a", "/c"))
    (finding,) = bare.warnings()
    assert finding.startswith(
        "hosts/web/2.bu:6:7: warning[needless-reset]: there is no /c below to reset"
    )


def test_local_files_of_what_is_reset(bare: Workbench) -> None:
    """What is taken away needs no files; what stands in its place does."""
    text = f"{HEAD}storage: {{files: [TAG {{path: /a, contents: {{local: NAME}}}}]}}\n"
    bare.write({"1.bu": text.replace("TAG", "").replace("NAME", "x"), "x": ""})
    bare.write({"2.bu": text.replace("TAG", "!reset")})
    assert "/a" not in bare.text()
    bare.write({"2.bu": text.replace("TAG", "!override")})
    (finding,) = bare.refusal()
    assert "error[missing-local]" in finding


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("storage: !rest null\n", "3:10: error[yaml-tag]: unknown tag !rest"),
        ("storage: !reset {files: []}\n", "3:10: warning[reset-value]: what stands after !reset"),
        ("!reset storage: {}\n", "3:1: error[yaml-tag]: !reset is no part of a key"),
        ("storage: {files: !foo []}\n", "3:18: error[yaml-tag]: unknown tag !foo"),
    ],
)
def test_tags_in_the_wrong_place(bare: Workbench, source: str, told: str) -> None:
    """A tag that nobody knows, or where it means nothing, is told."""
    bare.write({"main.bu": f"{HEAD}{source}", "z.bu": "x: {{ missing }}\n"})
    assert any(line.startswith(f"hosts/web/main.bu:{told}") for line in bare.refusal())


def test_a_whole_config(bare: Workbench) -> None:
    """A whole config cannot be marked, as that would take the keys of the machine away."""
    (line,) = bare.write({"main.bu": f"!override\n{HEAD}"}).refusal()
    assert "!override is for a value in a config" in line


def test_elsewhere_they_are_unknown(bare: Workbench) -> None:
    """Only Butane files of a project have these tags."""
    _, findings = parse("a: !reset null", "project.yaml")
    assert [item.code for item in findings] == ["yaml-tag"]
    del bare


NAMES = st.sampled_from(["a", "b", "c"])
WORDS = st.sampled_from(["x", "y", ""])
RESET_NODE = Scalar("null", PLAIN, mark=RESET)


@st.composite
def scalars(draw: st.DrawFn) -> Node:
    """Generate a value of a key."""
    if draw(st.integers(0, 4)) == 0:
        return RESET_NODE
    return Scalar(draw(WORDS), mark=draw(st.sampled_from(["", "", OVERRIDE])))


@st.composite
def mappings(draw: st.DrawFn, **fields: st.SearchStrategy[Node]) -> Node:
    """Generate a mapping with some of the fields."""
    given_fields = draw(st.fixed_dictionaries({}, optional=fields))
    return Table(given_fields, mark=draw(st.sampled_from(["", "", OVERRIDE])))


@st.composite
def lists(draw: st.DrawFn, key: str, **fields: st.SearchStrategy[Node]) -> Node:
    """Generate a list of things with unique names, or of unique words without a key."""
    if draw(st.integers(0, 5)) == 0:
        return RESET_NODE
    items: list[Node] = []
    for name in draw(st.lists(NAMES, unique=True)):
        mark = draw(st.sampled_from(["", "", RESET, OVERRIDE]))
        if key:
            more = draw(st.fixed_dictionaries({}, optional=fields)) if mark != RESET else {}
            items.append(Table({key: Scalar(name), **more}, mark=mark))
        else:
            items.append(Scalar(name, mark=mark))
    return Items(tuple(items), mark=draw(st.sampled_from(["", "", OVERRIDE])))


SOURCES = mappings(inline=scalars(), local=scalars(), compression=scalars())
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "storage": mappings(files=lists("path", mode=scalars(), contents=SOURCES)),
        "systemd": mappings(
            units=lists("name", contents=scalars(), contents_local=scalars(), dropins=lists("name"))
        ),
        "passwd": mappings(users=lists("name", shell=scalars(), groups=lists(""))),
    },
).map(Table)


def marks(node: Node) -> list[str]:
    """Return all marks in a tree."""
    below: list[Node] = []
    if isinstance(node, Table):
        below = list(node.fields.values())
    elif isinstance(node, Items):
        below = list(node.items)
    return [mark for mark in (node.mark, *(m for child in below for m in marks(child))) if mark]


@given(st.lists(CONFIGS, max_size=4))
def test_no_mark_is_left(configs: list[Table]) -> None:
    """What is merged has no marks."""
    assert not marks(merge(configs))


@given(CONFIGS, CONFIGS, CONFIGS)
def test_associative_while_marks_are_kept(first: Table, second: Table, third: Table) -> None:
    """Parts can be joined first, in any grouping, as long as their marks are kept."""
    whole = merge([first, second, third])
    assert merge([join([first, second]), third]) == whole
    assert merge([first, join([second, third])]) == whole


def test_not_associative_without_marks() -> None:
    """Merging the upper two first forgets what they take away: merge is for the whole only."""
    first, second = tree("a: 1\nb: 2"), tree("a: !reset null")
    assert value(merge([first, merge([second, Table({})])])) == {"a": 1, "b": 2}
    assert value(merge([first, second, Table({})])) == {"b": 2}


def test_not_associative_where_a_path_changes_its_kind() -> None:
    """What is reset takes the file away with it, and that had taken the link away."""
    below = tree("storage: {links: [{path: /a, target: b}]}")
    middle = tree("storage: {files: [{path: /a}]}")
    above = tree("storage: {files: [!reset {path: /a}]}")

    assert value(merge([below, middle, above])) == {"storage": {"links": [], "files": []}}
    assert value(merge([below, join([middle, above])]))["storage"]["links"]


@given(CONFIGS, CONFIGS)
def test_later_wins(below: Table, above: Table) -> None:
    """Putting the later config on once more changes nothing."""
    assert merge([below, above, above]) == merge([below, above])


@given(CONFIGS, CONFIGS)
def test_nothing_changes_nothing(below: Table, above: Table) -> None:
    """An empty config changes nothing, wherever it stands."""
    whole = merge([below, above])
    assert merge([Table({}), below, Table({}), above, Table({})]) == whole
    assert merge([whole]) == whole
