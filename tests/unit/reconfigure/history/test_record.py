"""What a machine remembers is read as it was written, and is enough to come back to."""

from __future__ import annotations

import json

import pytest

from tests.unit.reconfigure.model import file, read, storage
from toolbox.lib.core.secret import Secret
from toolbox.lib.reconfigure.history import comeback, record
from toolbox.lib.reconfigure.history.record import RecordError

CONFIG = {
    **storage(
        file("/etc/a", "text\n", mode=0, user={"id": 0}, group={"name": "wheel"}),
        file("/etc/key", "canary", mode=0o600),
        file("/etc/mode", mode=0o640),
        {"path": "/etc/more", "append": [file("", "x\n")["contents"], file("", "y\n")["contents"]]},
        {
            "path": "/srv/far",
            "contents": {
                "source": "https://example.com/a b",
                "compression": "gzip",
                "verification": {"hash": "sha512-00"},
            },
        },
        directories=[{"path": "/srv/d", "mode": 0o1777}],
        links=[
            {"path": "/srv/l", "target": "d"},
            {"path": "/srv/h", "target": "/etc/a", "hard": True},
        ],
        disks=[{"device": "/dev/vda"}],
    ),
    "systemd": {
        "units": [
            {"name": "a.service", "contents": "[Service]\n", "enabled": True},
            {"name": "b.service", "mask": True},
            {"name": "c.service", "enabled": False, "mask": False},
        ]
    },
    "passwd": {
        "users": [
            {"name": "core", "sshAuthorizedKeys": ["ssh-ed25519 A"], "groups": ["wheel"]},
            {"name": "me", "passwordHash": "$y$canary", "uid": 1001, "noCreateHome": True},
        ],
        "groups": [{"name": "staff", "gid": 7}],
    },
}


def test_there_and_back() -> None:
    """A record is read as it was written."""
    known = record.of(read(CONFIG), generation=3, time="2030", who="me@here", engine="direct")
    again = record.load(record.dump(known))
    assert again == known
    assert again.nodes["/etc/a"].mode == 0
    assert again.nodes["/etc/a"].owner == "0:wheel"
    assert again.nodes["/etc/more"].appended == 4
    assert again.units["c.service"] == "disabled,unmasked"


def test_nothing_secret_is_remembered() -> None:
    """A record knows contents and passwords by their hashes only."""
    assert "canary" not in record.dump(record.of(read(CONFIG), generation=0))


def test_listing() -> None:
    """The paths of records stand on a line each; what would be two lines is left out."""
    one = record.of(read(storage(file("/srv/b", ""))), generation=0)
    links = [{"path": "/srv/a", "target": "/etc/own", "hard": True}]
    other = record.of(read(storage(file("/srv/c\nd", ""), links=links)), generation=0)
    assert record.listing(one, other) == "/etc/own\n/srv\n/srv/a\n/srv/b\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"version":2}',
        '{"version":1,"nodes":{"/a":{}}}',
        '{"version":1,"nodes":[]}',
    ],
)
def test_no_record(text: str) -> None:
    """What is no record is told, and what to do about it."""
    with pytest.raises(RecordError) as caught:
        record.load(text)
    assert caught.value.hint


def test_coming_back() -> None:
    """A record and the bytes that were kept give the state that it was made of."""
    state = read(CONFIG)
    kept = {keepsake.blob.digest: keepsake.blob for keepsake in record.keepsakes(state)}
    known = record.load(record.dump(record.of(state, generation=1)))
    back = comeback.desired(known, kept.get)
    assert record.of(back, generation=1) == known
    assert {user.name: user for user in back.users} == {user.name: user for user in state.users}
    assert back.groups == state.groups
    assert {unit.name: unit for unit in back.units} == {unit.name: unit for unit in state.units}
    assert [node.path for node in back.nodes if node.contents or node.appended] == [
        node.path for node in state.nodes if node.contents or node.appended
    ]


def test_what_is_lost() -> None:
    """Where bytes are nowhere any more, all of it is told at once."""
    known = record.of(read(CONFIG), generation=5)
    with pytest.raises(RecordError) as caught:
        comeback.desired(known, lambda _digest: None)
    for what in ("generation 5", "/etc/key", "/etc/more", "user me", "group staff"):
        assert what in caught.value.message
    assert "/etc/mode" not in caught.value.message


def test_secret_keepsakes() -> None:
    """Bytes are secret where any of their places is, and where there is a password."""
    twins = read(storage(file("/etc/a", "same", mode=0o600), file("/etc/b", "same")))
    assert [keepsake.secret for keepsake in record.keepsakes(twins)] == [True]
    secret = {item.blob.reveal() for item in record.keepsakes(read(CONFIG)) if item.secret}
    # Reason: the text is in a file that nobody may read.
    (me,) = secret - {b"canary", b"text\n"}
    assert json.loads(me)["password"] == "$y$canary"


def test_users_of_the_image() -> None:
    """A user that the image has stays; folders that every machine has do, too."""
    known = record.of(read(CONFIG), generation=0)
    assert known.users["core"].endswith(record.KEPT)
    assert not known.users["me"].endswith(record.KEPT)
    assert known.nodes["/etc"].kept
    assert not known.nodes["/srv/d"].kept


def test_passwords_come_back_as_secrets() -> None:
    """A password that comes back does not print."""
    state = read(CONFIG)
    kept = {keepsake.blob.digest: keepsake.blob for keepsake in record.keepsakes(state)}
    back = comeback.desired(record.of(state, generation=1), kept.get)
    me = next(user for user in back.users if user.name == "me")
    assert me.password == Secret("$y$canary")
    assert "canary" not in repr(back)
