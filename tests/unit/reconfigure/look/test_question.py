"""What a machine holds is learned in one round trip, whatever its paths are called."""

from __future__ import annotations

import hashlib
import os
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.secret import Secret
from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.desire.state import DesiredState, Kind, Node, Unit, User
from toolbox.lib.reconfigure.history import intent as intents
from toolbox.lib.reconfigure.history import record as records
from toolbox.lib.reconfigure.history.record import Placed, Record
from toolbox.lib.reconfigure.look import question
from toolbox.lib.reconfigure.session.shell import Reply

if TYPE_CHECKING:
    from conftest import Site

    from toolbox.lib.reconfigure.look.survey import Found, Survey


def _file(path: str, data: bytes | None = None, **more: Any) -> Node:
    contents = None if data is None else Blob(data)
    return Node(path, Kind.FILE, contents=contents, **more)


def _seen(site: Site, *nodes: Node, users: tuple[User, ...] = ()) -> Survey:
    with site.session() as session:
        return question.survey(session, DesiredState("sha256-x", nodes, users=users))


def _one(site: Site, node: Node) -> Found:
    return _seen(site, node).nodes[node.path]


def _put(site: Site, path: str, data: bytes = b"", mode: int = 0o644) -> None:
    place = site.root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    place.chmod(mode)


def test_kinds(site: Site) -> None:
    """Each kind of thing is told apart, and nothing is where nothing is."""
    _put(site, "/etc/file", b"text", 0o6755)
    os.link(site.root / "etc/file", site.root / "etc/hard")
    (site.root / "etc/link").symlink_to("no where\nat all")
    os.mkfifo(site.root / "etc/pipe")
    names = ("file", "hard", "link", "pipe", "none")

    survey = _seen(site, *(_file(f"/etc/{name}") for name in names), _file("/etc"))

    found = survey.nodes
    assert set(found) == {"/etc", "/etc/file", "/etc/hard", "/etc/link", "/etc/pipe"}
    assert found["/etc/file"].mode == 0o6755
    assert found["/etc/file"].digest == hashlib.sha256(b"text").hexdigest()
    assert found["/etc/hard"].inode == found["/etc/file"].inode
    assert found["/etc/link"].target == "no where\nat all"
    assert [found[f"/etc/{name}"].kind for name in ("link", "pipe")] == [Kind.LINK, None]
    assert found["/etc"].kind is Kind.DIRECTORY


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (_file("/etc/x", b"same"), False),
        (_file("/etc/x", b"other"), True),
        (_file("/etc/x", b"other", secret=True), False),
        (_file("/etc/x"), False),
        (_file("/etc/x", appended=(Blob(b"more"),)), True),
        (_file("/etc/x", appended=(Blob(b"more"),), secret=True), True),
        (Node("/etc/x", Kind.LINK, target="y"), False),
    ],
    ids=["same", "other", "secret", "kept", "appended", "secret-appended", "link"],
)
def test_contents_where_they_are_needed(site: Site, node: Node, told: bool) -> None:
    """Contents are told only where they differ, or something is appended to them."""
    _put(site, "/etc/x", b"same")

    contents = _one(site, node).contents

    assert (contents == Blob(b"same")) is told


@pytest.mark.parametrize(("size", "told"), [(65536, True), (65537, False)])
def test_large_contents_are_not_told(site: Site, size: int, told: bool) -> None:
    """What is too long for a diff is not sent."""
    _put(site, "/etc/x", bytes(size))

    assert (_one(site, _file("/etc/x", b"")).contents is not None) is told


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    names=st.lists(
        st.binary(min_size=1, max_size=12).filter(
            lambda name: not set(name) & {0, 47} and name not in {b".", b".."}
        ),
        min_size=1,
        max_size=6,
        unique=True,
    )
)
def test_any_name(site: Site, names: list[bytes]) -> None:
    """Paths of any bytes are told apart, each with its own contents."""
    place = site.root / "odd"
    place.mkdir(exist_ok=True)
    for name in names:
        with open(os.path.join(os.fsencode(place), name), "wb") as file:  # noqa: PTH118, PTH123
            file.write(name * 2)
    paths = {f"/odd/{os.fsdecode(name)}": name * 2 for name in names}

    survey = _seen(site, *(_file(path, b"") for path in paths))

    told = {path: found.contents for path, found in survey.nodes.items()}
    assert told == {path: Blob(data) for path, data in paths.items()}


def test_what_was_put_there(site: Site) -> None:
    """Recorded paths are looked at, too, and those of a change that was cut off."""
    for name in ("recorded", "begun", "others", "secret"):
        _put(site, f"/etc/{name}", b"x", 0o600 if name == "secret" else 0o644)
    record = Record(
        3, "sha256-a", nodes={f"/etc/{name}": Placed("file") for name in ("recorded", "secret")}
    )
    begun = Record(
        4, "sha256-b", nodes={"/etc/begun": Placed("file")}, units={"b.service": "masked"}
    )
    home = "/var/lib/infra-toolbox"
    _put(site, f"{home}/record.json", records.dump(record).encode())
    _put(site, f"{home}/paths", records.listing(record).encode())
    _put(site, "/etc/infra-toolbox/config.sha256", b"sha256-a\n")

    before = _seen(site)
    intent = intents.of(begun, {"/etc/begun": "", "/etc/recorded": ""}, record)
    _put(site, f"{home}/intent", intents.dump(intent).encode())
    _put(site, f"{home}/intent.paths", intents.listing(intent).encode())
    _put(site, f"{home}/pending", b"restart b.service\n")
    after = _seen(site)

    assert set(before.nodes) == {"/etc/recorded", "/etc/secret"}
    assert before.nodes["/etc/recorded"].contents == Blob(b"x")
    assert before.nodes["/etc/secret"].contents is None
    assert (before.record, before.config) == (record, "sha256-a")
    assert set(after.nodes) == {"/etc/recorded", "/etc/secret", "/etc/begun"}
    assert after.record is not None
    assert after.record.generation == 3
    assert set(after.record.nodes) == {*record.nodes, *begun.nodes}
    assert after.record.units == begun.units
    assert (after.config, after.pending) == ("", ("restart b.service",))


def test_change_that_was_cut_off_at_its_beginning(site: Site) -> None:
    """A file that a power cut has emptied is no record."""
    _put(site, "/var/lib/infra-toolbox/intent", b"")

    assert _seen(site).record is None


def test_originals(site: Site) -> None:
    """The image's own version of a path is looked at beside it."""
    _put(site, "/usr/etc/x", b"of the image", 0o640)
    _put(site, "/etc/x", b"ours")
    _put(site, "/usr/etc/other", b"")

    survey = _seen(site, _file("/etc/x", b"ours"), _file("/etc/y", b""))

    assert set(survey.originals) == {"/etc/x"}
    assert survey.originals["/etc/x"].mode == 0o640
    assert survey.originals["/etc/x"].contents == Blob(b"of the image")
    assert set(survey.nodes) == {"/etc/x"}


def test_accounts(site: Site) -> None:
    """Accounts are told with their groups and keys; of passwords only the hash of the hash."""
    _put(site, "/etc/passwd", b"core:x:1000:1001:Core,,:/home/core:/bin/sh\nbroken line\n")
    _put(site, "/etc/group", b"core:x:1001:\nwheel:x:10:core,root\n")
    _put(site, "/etc/shadow", b"core:$6$hash:1::::::\n")
    _put(site, "/home/core/.ssh/authorized_keys.d/ignition", b"one\ntwo")

    survey = _seen(site, users=(User("core", password=Secret("")),))

    account = survey.accounts["core"]
    assert (account.uid, account.gid, account.gecos) == (1000, 1001, "Core,,")
    assert account.groups == ("wheel",)
    assert account.keys == ("one", "two")
    assert account.password == hashlib.sha256(b"$6$hash").hexdigest()
    assert survey.groups == {"core": 1001, "wheel": 10}


def test_passwords_that_nobody_asks_for(site: Site) -> None:
    """Where the config says nothing of a password, it is not looked at."""
    _put(site, "/etc/passwd", b"core:x:1000:1001::/home/core:/bin/sh\n")
    _put(site, "/etc/shadow", b"core:$6$hash:1::::::\n")

    assert _seen(site, users=(User("core"),)).accounts["core"].password == ""


def test_foreign_record(site: Site) -> None:
    """A record that cannot be read is told as that."""
    _put(site, "/var/lib/infra-toolbox/record.json", b"{")

    with pytest.raises(records.RecordError):
        _seen(site)


def test_machine_that_cannot_be_looked_at(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer without its end is no answer."""
    from toolbox.lib.reconfigure.session.shell import Session

    monkeypatch.setattr(Session, "run", lambda *_words, **_more: Reply(1, b"", b"no stat here"))

    with pytest.raises(ToolboxError, match="no stat here"):
        _seen(site)


def test_units_that_are_asked_for() -> None:
    """Units are asked for by names that systemd takes, instances of templates by a pattern."""
    asked = question._askable(
        ["a.service", "no unit", "web@.service", "b\\x2d.socket", "a.service"],
        ["/etc/systemd/system/web@.service", "/etc/systemd/system/a.service", "/srv/x"],
    )

    assert asked == ["a.service", "b\\x2d.socket", "web@*.service"]


def test_script_is_safe() -> None:
    """Nothing that is asked for is taken for shell."""
    asked = {"/etc/$(reboot)'\n": question.NEVER}
    state = DesiredState("sha256-x", units=(Unit("a'b.service"),))

    text = question.script(asked, ["core; reboot", "web"], ["a.service"], mark="m")

    assert f"look {shlex.quote(next(iter(asked)))} -" in text
    assert "NAMES=web" in text
    assert question._askable([unit.name for unit in state.units], ()) == []
