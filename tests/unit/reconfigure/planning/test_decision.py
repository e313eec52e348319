"""The plan: a machine that follows it is as one that was made anew, and nothing else goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.unit.reconfigure.model import NOW, Entry, Machine, RefusedError, file, read
from toolbox.lib.reconfigure.desire.state import Kind
from toolbox.lib.reconfigure.planning.decision import decide
from toolbox.lib.reconfigure.planning.plan import Change

if TYPE_CHECKING:
    from toolbox.lib.reconfigure.desire.state import DesiredState

FREE = ("/etc/a", "/etc/a/b", "/etc/a/b/c", "/etc/d", "/srv/x", "/srv/x/y", "/var/z", "/srv/w")
TAKEN = ("/etc/own", "/etc/own.d", "/etc/own.d/x", "/etc/own.link", "/opt/me")
ALONE = ("/etc/d", "/srv/x", "/var/z", "/srv/w")
"""Paths in which a file of others can stand."""

MODES = st.sampled_from([None, 0o600, 0o644, 0o755, 0o4755, 0o1777, 0])
OWNERS = st.sampled_from([None, {"id": 0}, {"id": 7}, {"name": "root"}])
TEXTS = st.sampled_from([None, "", "one\n", "two\n", "three", b"\0\xff"])


@st.composite
def _nodes(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    paths = draw(st.lists(st.sampled_from(FREE + TAKEN), unique=True, max_size=6))
    nodes = []
    for path in paths:
        kind = draw(st.sampled_from(["files", "files", "directories", "links", "hard"]))
        # Reason: what the image has in it is gone then, until the folder itself comes back.
        kind = "directories" if path == "/etc/own.d" else kind
        more: dict[str, Any] = {"user": draw(OWNERS), "group": draw(OWNERS)}
        more["overwrite"] = draw(st.booleans())
        text = draw(TEXTS) if kind == "files" else None
        if kind == "directories" or (kind == "files" and text is None):
            # Reason: Ignition refuses the one, and empties the other at a first boot only.
            more["overwrite"] = None
        if kind in {"files", "directories"}:
            more["mode"] = draw(MODES)
        node = {"path": path, **{key: it for key, it in more.items() if it is not None}}
        if kind == "files":
            node = {**node, **file(path, text)}
            if draw(st.booleans()):
                node["append"] = [file(path, draw(st.sampled_from(["p\n", "q\n"])))["contents"]]
        elif kind in {"links", "hard"}:
            node["target"] = draw(st.sampled_from(HARD)) if kind == "hard" else draw(LINKED)
            node["hard"] = kind == "hard"
            node.pop("user", None)
            node.pop("group", None)
            kind = "links"
        nodes.append((kind, node))
    return nodes


HARD = (*FREE, "/etc/own", "/etc/own.d/x")
LINKED = st.sampled_from(["/etc/d", "x", "../nowhere"])


@st.composite
def _states(draw: st.DrawFn, name: str) -> DesiredState:
    lists: dict[str, Any] = {"files": [], "directories": [], "links": []}
    for kind, node in draw(_nodes()):
        lists[kind].append(node)
    targets = {link["target"] for link in lists["links"] if link["hard"]}
    for link in lists["links"]:
        if link["path"] in targets:
            # Reason: a link to what another one of the same config replaces is made only once.
            link.pop("overwrite", None)
    return read({"storage": lists}, name)


def _ignited(desired: DesiredState, machine: Machine | None = None) -> Machine:
    try:
        return (machine or Machine()).ignite(desired)
    except RefusedError:
        assume(condition=False)
        raise


def _follows(machine: Machine, desired: DesiredState) -> None:
    plan = machine.plan(desired)
    errors = plan.errors
    # Reason: a folder is never removed for something else unless the config says so.
    assume({it.code for it in errors} != {"folder-in-the-way"})
    assert not errors, errors
    machine.apply(plan)


LAWS = settings(
    max_examples=60, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


@LAWS
@given(_states("a"))
def test_what_ignition_made_needs_nothing(one: DesiredState) -> None:
    """A machine that Ignition has just made is as it shall be."""
    plan = _ignited(one).plan(one)
    assert plan.nothing, plan
    assert not plan.findings
    assert plan.record is None


@LAWS
@given(_states("a"), _states("b"))
def test_following_is_as_good_as_anew(one: DesiredState, other: DesiredState) -> None:
    """Ignited with one config and brought to another is as ignited with the other."""
    machine, anew = _ignited(one), _ignited(other)
    _follows(machine, other)
    assert machine.seen() == anew.seen()
    assert machine.plan(other).nothing


@LAWS
@given(_states("a"), _states("b"))
def test_there_and_back(one: DesiredState, other: DesiredState) -> None:
    """Brought to another config and back, nothing of the other is left."""
    machine = _ignited(one)
    before = machine.seen()
    _ignited(other)
    _follows(machine, other)
    _follows(machine, one)
    assert machine.seen() == before


@LAWS
@given(_states("a"))
def test_a_machine_of_others(one: DesiredState) -> None:
    """A machine that nobody made follows a config, and then one that says nothing."""
    anew, machine = _ignited(one), Machine()
    before = machine.seen()
    _follows(machine, one)
    assert machine.seen() == anew.seen()
    _follows(machine, read({}, "nothing"))
    assert machine.seen() == before


@LAWS
@given(_states("a"), _states("b"), st.integers(0, 20))
def test_cut_off_and_again(one: DesiredState, other: DesiredState, steps: int) -> None:
    """An apply that was cut off anywhere is finished by the next one."""
    machine, anew = _ignited(one), _ignited(other)
    plan = machine.plan(other)
    assume(not plan.errors)
    machine.apply(plan, steps=steps)
    _follows(machine, other)
    assert machine.seen() == anew.seen()
    _follows(machine, one)
    assert machine.seen() == _ignited(one).seen()


@LAWS
@given(_states("a"), _states("b"), _states("c"), st.integers(0, 9), st.integers(0, 9))
def test_cut_off_and_elsewhere(
    one: DesiredState, other: DesiredState, third: DesiredState, steps: int, more: int
) -> None:
    """Wherever one or two applies were cut off, a third config and the first one leave nothing."""
    machine, anew = _ignited(one), _ignited(third)
    before = machine.seen()
    _ignited(other)
    for config, cut in ((other, steps), (third, more)):
        plan = machine.plan(config)
        assume(not plan.errors)
        machine.apply(plan, steps=cut)
        back = machine.copy()
        _follows(back, one)
        assert back.seen() == before
    _follows(machine, third)
    assert machine.seen() == anew.seen()


@LAWS
@given(st.sets(st.sampled_from(ALONE)), _states("a"), _states("b"), st.integers(0, 9))
def test_what_is_of_others_stays(
    theirs: set[str], one: DesiredState, other: DesiredState, steps: int
) -> None:
    """What an apply that was cut off has not replaced is there after another config, too."""
    _ignited(other)
    machine = Machine()
    for path in theirs:
        machine.tree[path] = Entry(Kind.FILE, 0o640, data=b"theirs")
    before = _ignited(one, machine).copy()
    plan = machine.plan(other)
    assume(not plan.errors)
    machine.apply(plan, steps=steps)
    stands = {path: it.inode for path, it in machine.tree.items()}
    left = [path for path in theirs if stands.get(path) == before.tree[path].inode]

    plan = machine.plan(one)
    # Reason: what its hard link led to may be what has been replaced.
    assume({it.code for it in plan.errors} != {"no-target"})
    _follows(machine, one)

    assert all(machine.tree[path].data == before.tree[path].data for path in left)


@LAWS
@given(_states("a"), _states("b"))
def test_only_what_is_recorded_goes(one: DesiredState, other: DesiredState) -> None:
    """What goes was recorded, or stood where the config wants something else."""
    machine = _ignited(one)
    plan = machine.plan(other)
    assert machine.record
    for change in plan.nodes:
        if change.change is Change.REMOVED:
            assert change.path in machine.record.nodes


@LAWS
@given(_states("a"), _states("b"))
def test_the_same_plan_again(one: DesiredState, other: DesiredState) -> None:
    """The same machine and config give the same plan."""
    machine = _ignited(one)
    assert machine.plan(other) == machine.plan(other)
    survey = machine.survey(other)
    again = decide(other, survey, now=NOW, who="me@here", engine="direct")
    assert again == machine.plan(other)
