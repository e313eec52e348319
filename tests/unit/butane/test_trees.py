"""What equal files share: their trees and their code, each with its own places."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.butane import template
from toolbox.lib.butane.merge import merge
from toolbox.lib.butane.trees import Trees
from toolbox.lib.inventory.document import Items, Table, parse

if TYPE_CHECKING:
    from datetime import datetime

    from toolbox.lib.butane.template import Rendered
    from toolbox.lib.inventory.document import Node

SOURCE = "a: [{b: 1}, !reset x]\nc: {{ d }}\n"


def rendered(source: str, file: str, **names: object) -> Rendered:
    """Return what a template becomes."""
    result, findings = template.render(source, file, names)
    assert not findings
    assert result is not None
    return result


def places(node: Node) -> list[str]:
    """Return all places in a tree."""
    below: list[Node] = []
    found = [str(node.place)]
    if isinstance(node, Table):
        below, found = list(node.fields.values()), [*found, *map(str, node.keys.values())]
    elif isinstance(node, Items):
        below = list(node.items)
    return found + [place for child in below for place in places(child)]


def test_equal_files_are_read_once() -> None:
    """The same file is the same tree; an equal one of another name has places of its own."""
    trees = Trees()
    first, _ = trees.read(rendered(SOURCE, "first.bu", d=1))
    again, _ = trees.read(rendered(SOURCE, "first.bu", d=1))
    second, _ = trees.read(rendered(SOURCE, "second.bu", d=1))
    assert first is again
    assert len(trees.known) == 1
    anew, findings = parse(SOURCE.replace("{{ d }}", "1"), "second.bu", marks=True)
    assert not findings
    assert first is not None
    assert second is not None
    assert anew is not None
    assert second == first
    moved = [place.replace("first.bu", "second.bu") for place in places(first)]
    assert places(second) == moved
    assert {place.split(":")[0] for place in places(second)} == {"second.bu"}


def test_what_differs_is_read_anew() -> None:
    """Another text, another source, or other lines of the same source are other trees."""
    trees = Trees()
    other = "{% if d == 1 %}\na: 1\n{% else %}\na: 1\n{% endif %}\n"
    read = [trees.read(rendered(other, "x.bu", d=d))[0] for d in (1, 2)]
    assert [node.keys["a"].line for node in read if isinstance(node, Table)] == [2, 4]
    trees.read(rendered(SOURCE, "x.bu", d=1))
    trees.read(rendered(SOURCE, "x.bu", d=2))
    assert len(trees.known) == 4


def test_mistakes_are_told_for_each_file() -> None:
    """What is wrong is found in each of the files that it is in."""
    trees = Trees()
    for file in ("a.bu", "b.bu", "a.bu"):
        _, (finding,) = trees.read(rendered("a: 1\na: 2\n", file))
        assert (finding.file, finding.line) == (file, 2)


def test_code_is_shared_and_its_mistakes_are_not() -> None:
    """An undefined name, an error and a warning are told for each file with its lines."""
    for file in ("a.bu", "b.bu", "c.bu"):
        _, findings = template.render("\n{{ nobody }}\n{{ [].nothing }}\n", file, {})
        # Reason: Jinja works constants out as it compiles, so this use has no line.
        assert [(item.file, item.line) for item in findings] == [(file, None), (file, 2)]
        _, (finding,) = template.render("\n\n{{ 1 / zero }}", file, {"zero": 0})
        assert (finding.file, finding.line) == (file, 3)
        _, (finding,) = template.render("\n{{ utc_now() }}", file, {})
        assert (finding.file, finding.line) == (file, 2)


def test_dates_are_those_of_each_file() -> None:
    """The same template beside other files tells their dates."""

    def created(text: str) -> datetime:
        raise ValueError(text)

    def told(text: str) -> datetime:
        return text  # type: ignore[return-value]

    source = "{{ 'x' | created_at }}"
    assert template.render(source, "a.bu", {}, told)[0]
    _, (finding,) = template.render(source, "b.bu", {}, created)
    assert finding.message == "x"


@pytest.mark.parametrize("kind", ["different", "same"])
def test_merging_grows_with_the_files(kind: str) -> None:
    """Twice the files are merged in twice the steps, be their things different or the same."""
    steps = [_steps(kind, count) for count in (50, 100, 200)]
    assert steps[1] / steps[0] < 2.1
    assert steps[2] / steps[1] < 2.1


def _steps(kind: str, count: int) -> int:
    """Return how many functions are called to merge so many files."""
    configs = []
    for number in range(count):
        name = number if kind == "different" else 0
        node, _ = parse(
            f"storage: {{files: [{{path: /{name}}}], links: [{{path: /l{name}}}]}}\n"
            f"systemd: {{units: [{{name: {name}.service}}]}}\n"
            f"passwd: {{users: [{{name: core, groups: [g{name}]}}]}}\n",
            "x.bu",
        )
        assert isinstance(node, Table)
        configs.append(node)
    calls = 0

    def count_call(*_: object) -> None:
        nonlocal calls
        calls += 1

    before = sys.getprofile()
    sys.setprofile(count_call)
    try:
        merge(configs)
    finally:
        sys.setprofile(before)
    return calls
