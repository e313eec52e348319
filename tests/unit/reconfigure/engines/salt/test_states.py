"""A plan as Salt states: order, words, and nothing that could be read another way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.core.secret import Secret
from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.desire.state import Group, Kind, Remote, User
from toolbox.lib.reconfigure.engines.salt import states
from toolbox.lib.reconfigure.engines.salt.sources import OURS
from toolbox.lib.reconfigure.engines.salt.states import Place, State
from toolbox.lib.reconfigure.look.survey import Found
from toolbox.lib.reconfigure.planning.plan import Change, GroupChange, NodeChange, Plan, UserChange
from toolbox.lib.reconfigure.units.actions import UnitAction, Verb

BYTES = Blob(b"{{ grains.id }}\x00\xff")
MACHINE = Place(blobs="/run/blobs")


def node(path: str = "/etc/x", change: Change = Change.ADDED, **more: Any) -> NodeChange:
    """Return a change of a path, of a file where nothing else is said."""
    return NodeChange(path, change, more.pop("kind", Kind.FILE), **more)


def of(change: NodeChange, place: Place = MACHINE) -> list[State]:
    """Return the states of a plan that is one change."""
    return list(states.translate(Plan(nodes=(change,)), place))


def words(change: NodeChange, place: Place = MACHINE) -> list[tuple[str, dict[str, Any]]]:
    """Return their functions, and what these are called with."""
    return [(state.function, dict(state.arguments)) for state in of(change, place)]


OWNED = {"user": "root", "group": "root"}
MANAGED = "file.managed"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            node(mode=0o4755, user="web", group=7, contents=BYTES),
            (
                MANAGED,
                {
                    "name": "/etc/x",
                    "user": "web",
                    "group": 7,
                    "mode": "4755",
                    "source": f"/run/blobs/{BYTES.digest}",
                    "source_hash": f"sha256={BYTES.digest}",
                    "show_changes": False,
                },
            ),
            id="file",
        ),
        pytest.param(
            node(change=Change.CHANGED, mode=0o600),
            (
                MANAGED,
                {
                    "name": "/etc/x",
                    **OWNED,
                    "mode": "0600",
                    "replace": False,
                    "show_changes": False,
                },
            ),
            id="only its mode",
        ),
        pytest.param(
            node(mode=0o644, remote=Remote("https://a.example/b", "sha512-ab", "")),
            (
                MANAGED,
                {
                    "name": "/etc/x",
                    **OWNED,
                    "mode": "0644",
                    "source": "https://a.example/b",
                    "source_hash": "sha512=ab",
                    "show_changes": False,
                },
            ),
            id="fetched",
        ),
        pytest.param(
            node(kind=Kind.DIRECTORY, mode=0o1777),
            (
                "file.directory",
                {"name": "/etc/x", **OWNED, "mode": "1777", "follow_symlinks": True},
            ),
            id="folder",
        ),
        pytest.param(
            node(kind=Kind.LINK, target="../{{ a }}"),
            ("file.symlink", {"name": "/etc/x", "target": "../{{ a }}"}),
            id="link",
        ),
        pytest.param(
            node(kind=Kind.HARD_LINK, target="/etc/y"),
            ("file.hardlink", {"name": "/etc/x", "target": "/etc/y", "force": True}),
            id="hard link",
        ),
        pytest.param(
            node(change=Change.REMOVED, kind=Kind.LINK),
            ("file.absent", {"name": "/etc/x"}),
            id="removed",
        ),
        pytest.param(
            node(change=Change.REMOVED, kind=Kind.DIRECTORY),
            ("infra.pruned", {"name": "/etc/x"}),
            id="folder removed",
        ),
        pytest.param(
            node(change=Change.CHANGED, mode=0o644, restored=True),
            (
                MANAGED,
                {
                    "name": "/etc/x",
                    **OWNED,
                    "mode": "0644",
                    "source": "/usr/etc/x",
                    "skip_verify": True,
                    "show_changes": False,
                },
            ),
            id="the image's own comes back",
        ),
    ],
)
def test_each_kind_of_change_has_one_state(
    change: NodeChange, expected: tuple[str, dict[str, Any]]
) -> None:
    """Each change of a path becomes the state that brings it about, with all that was decided."""
    assert words(change) == [expected]


def test_something_of_another_kind_goes_first() -> None:
    """What is in the way is removed by a state before."""
    change = node(kind=Kind.LINK, target="b", clear=True)
    assert [name for name, _said in words(change)] == ["file.absent", "file.symlink"]


def test_a_link_is_written_as_it_is_spelled() -> None:
    """A target that Salt takes for the same is written anew when its spelling differs."""
    was = Found(Kind.LINK, 0o777, 0, 0, target="a//b")
    change = node(change=Change.CHANGED, kind=Kind.LINK, target="a/b", was=was)
    assert [name for name, _said in words(change)] == ["file.absent", "file.symlink"]
    other = node(change=Change.CHANGED, kind=Kind.LINK, target="c", was=was)
    assert [name for name, _said in words(other)] == ["file.symlink"]


def test_a_link_gets_its_owner() -> None:
    """Somebody else's link is given away by number or name; root's is root's already."""
    change = node(kind=Kind.LINK, target="b", user=33, group="web")
    owner = {"file.lchown": [{"path": "/etc/x", "user": 33, "group": "web"}]}
    assert words(change)[1] == ("module.run", owner)


def test_root_is_told_by_name() -> None:
    """Salt would leave an owner as it is where the number 0 is asked for."""
    ((_function, said),) = words(node(user=0, group=0, mode=0o644))
    assert (said["user"], said["group"]) == ("root", "root")


def test_paths_are_where_the_place_says() -> None:
    """In a folder every path is in the folder, what a hard link leads to included."""
    place = Place("/r", "/b", at=lambda path: f"/r{path}", owner=lambda _name, _kind: None)
    ((_function, said),) = words(node(kind=Kind.HARD_LINK, target="/etc/y"), place)
    assert (said["name"], said["target"]) == ("/r/etc/x", "/r/etc/y")
    ((_function, said),) = words(node(kind=Kind.DIRECTORY), place)
    assert "user" not in said


def test_a_preview_needs_no_target() -> None:
    """Where nothing is done, the target of a hard link may not be there yet."""
    change = node(kind=Kind.HARD_LINK, target="/etc/y")
    ((function, _said),) = words(change, Place(dry=True))
    assert function == "test.succeed_with_changes"


WHOLE = Plan(
    nodes=(node("/etc/new", contents=BYTES), node("/etc/old", Change.REMOVED)),
    users=(
        UserChange(User("web", groups=("team",), keys=("ssh-ed25519 A",)), Change.ADDED),
        UserChange(User("gone", exists=False), Change.REMOVED),
    ),
    groups=(
        GroupChange(Group("team", gid=7), Change.ADDED),
        GroupChange(Group("old", exists=False), Change.REMOVED),
    ),
    units=(
        UnitAction("a.service", Verb.STOP),
        UnitAction("b.service", Verb.DISABLE),
        UnitAction("c.service", Verb.ENABLE),
        UnitAction("d.service", Verb.START),
        UnitAction("e.service", Verb.RELOAD),
        UnitAction("f@1.service", Verb.RESTART),
    ),
    reload=True,
    commands=(("update-ca-trust", "extract it"),),
)


def test_the_order_is_that_of_a_change() -> None:
    """Units stop first, owners come before files, programs and units after them."""
    assert [state.id for state in states.translate(WHOLE, MACHINE)] == [
        "stop a.service",
        "disable b.service",
        "user gone",
        "group team",
        "user web",
        "ssh keys of web",
        "/etc/new",
        "removal of /etc/old",
        "run update-ca-trust 'extract it'",
        "enable c.service",
        "daemon-reload",
        "start d.service",
        "reload e.service",
        "restart f@1.service",
        "group old",
    ]


def test_what_stops_has_not_failed() -> None:
    """A unit that was stopped on purpose and killed for it does not count as failed."""
    (state,) = states.translate(Plan(units=(UnitAction("a b.service", Verb.STOP),)), MACHINE)
    assert state.arguments["name"] == (
        "systemctl stop -- 'a b.service'"
        " && { systemctl reset-failed -- 'a b.service' 2>/dev/null || :; }"
    )


def test_a_program_that_is_not_there_is_left_out() -> None:
    """Which of two programs a machine has, it knows itself."""
    (state,) = states.translate(Plan(commands=(("update-ca-trust", "a b"),)), MACHINE)
    assert state.arguments == {
        "name": "update-ca-trust 'a b'",
        "onlyif": "command -v update-ca-trust",
    }


def test_units_are_not_read_anew_for_each() -> None:
    """Enabling waits for the one reload of the plan; without one it does its own."""
    action = UnitAction("a b.service", Verb.ENABLE)
    for reload, expected in ((True, "systemctl --no-reload enable"), (False, "systemctl enable")):
        state = states.translate(Plan(units=(action,), reload=reload), MACHINE)[0]
        assert state.arguments == {"name": f"{expected} -- 'a b.service'"}


def test_a_unit_that_cannot_reload_is_restarted() -> None:
    """What is to read its files anew is restarted where it cannot do that."""
    (state,) = states.translate(Plan(units=(UnitAction("a.service", Verb.RELOAD),)), MACHINE)
    assert state.arguments == {"name": "systemctl reload-or-restart -- a.service"}


def test_a_folder_has_no_units() -> None:
    """Where no systemd is, nothing is done to units, and no program is run."""
    ids = [state.id for state in states.translate(WHOLE, Place("/r", systemd=False))]
    assert not [name for name in ids if name.endswith(".service") or name.startswith("run ")]
    assert "daemon-reload" not in ids


def test_a_unit_that_fails_keeps_no_other_from_its_restart() -> None:
    """A failure of files or accounts ends the run, one of units or programs does not."""
    going_on = {state.id for state in states.translate(WHOLE, MACHINE) if not state.failhard}
    assert going_on == {
        *(f"{action.verb} {action.unit}" for action in WHOLE.units),
        "run update-ca-trust 'extract it'",
    }


def account(change: UserChange) -> dict[str, Any]:
    """Return what Salt is told of a user."""
    state = states.translate(Plan(users=(change,)), MACHINE)[0]
    assert state.function == "user.present"
    return dict(state.arguments)


def test_a_new_user_is_made_as_the_config_says() -> None:
    """Every field that says something is told to Salt, the parts of the full name by theirs."""
    user = User(
        "web",
        uid=3,
        gecos="Web,Room",
        home="/srv",
        shell="/bin/sh",
        primary_group="g",
        groups=(),
        password=Secret("$6$x"),
        system=True,
        create_home=False,
    )
    assert account(UserChange(user, Change.ADDED)) == {
        "name": "web",
        "uid": 3,
        "allow_uid_change": True,
        "gid": "g",
        "allow_gid_change": True,
        "groups": [],
        "remove_groups": True,
        "fullname": "Web",
        "roomnumber": "Room",
        "home": "/srv",
        "shell": "/bin/sh",
        "password": "$6$x",
        "createhome": False,
        "system": True,
    }


def test_a_new_user_without_a_password_is_locked_as_by_ignition() -> None:
    """Nobody said a password, so none fits."""
    assert account(UserChange(User("web"), Change.ADDED))["password"] == "*"


def test_a_user_that_is_there_keeps_what_nobody_says() -> None:
    """Of a user that changes, only what the config says is told; an empty password locks."""
    change = UserChange(User("core", password=Secret("")), Change.CHANGED, ("password",))
    assert account(change) == {"name": "core", "password": "*", "createhome": False}


def test_keys_alone_touch_nothing_else() -> None:
    """New keys are written, and revoked ones go, without a word about the user."""
    for keys in (("ssh-ed25519 A",), None):
        change = UserChange(User("core", keys=keys), Change.CHANGED, ("keys",))
        (state,) = states.translate(Plan(users=(change,)), MACHINE)
        assert state.function == "infra.keys"
        assert state.arguments["lines"] == list(keys or ())


def test_a_groups_password_is_no_word_of_a_program() -> None:
    """It goes to a program on its stdin, as everybody may read a program's words."""
    change = GroupChange(Group("team", password=Secret("hush")), Change.ADDED)
    state = states.translate(Plan(groups=(change,)), MACHINE)[1]
    assert "hush" not in state.arguments["name"]
    assert state.arguments["stdin"] == "team:hush"


def test_contents_are_no_part_of_the_document() -> None:
    """What a file holds lies beside the document, once, and cannot be rendered."""
    plan = Plan(nodes=(node("/a", contents=BYTES), node("/b", contents=Blob(BYTES.reveal()))))
    text = states.document(states.translate(plan, MACHINE))
    assert "grains" not in text
    assert states.contents(plan) == (BYTES,)


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_name_is_read_another_way(path: str, target: str) -> None:
    """Whatever a path or a target is, the document says it as it is, behind its renderer's name."""
    change = node(f"/{path}", kind=Kind.LINK, target=target)
    first, _line, rest = states.document(of(change)).partition("\n")
    assert first == "#!json"
    ((name, said),) = json.loads(rest).items()
    assert name == f"/{path}"
    assert {"target": target} in said["file.symlink"]
    assert {"order": 1} in said["file.symlink"]


def test_a_plan_without_states_can_be_required() -> None:
    """A person's own states may require ours, whether there are any or not."""
    _renderer, _line, rest = states.document(()).partition("\n")
    assert json.loads(rest) == {OURS: {"test.nop": []}}


def test_a_dry_document_does_not_end_at_a_failure() -> None:
    """Where nothing is done, what cannot be known yet keeps nobody from the rest."""
    text = states.document(of(node()), failhard=False)
    assert '"failhard": false' in text
    assert '"failhard": true' in states.document(of(node()))
