"""A plan is carried out in a folder, whole or not at all, and taken back again."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.desire.state import Kind
from toolbox.lib.reconfigure.engines import direct
from toolbox.lib.reconfigure.engines import job as jobs
from toolbox.lib.reconfigure.engines.direct import Direct
from toolbox.lib.reconfigure.history import record as records
from toolbox.lib.reconfigure.history.record import Keepsake, Record
from toolbox.lib.reconfigure.look import question
from toolbox.lib.reconfigure.look.survey import Found
from toolbox.lib.reconfigure.planning.plan import Change, NodeChange, Plan
from toolbox.lib.reconfigure.session.lock import BusyError
from toolbox.lib.reconfigure.session.shell import SessionCut
from toolbox.lib.reconfigure.units.actions import UnitAction, Verb

if TYPE_CHECKING:
    from conftest import Site

BINARY = bytes(range(256)) * 3
ODD = "/srv/a b'c\"d$e\\f\tg"


def source(data: bytes) -> dict[str, str]:
    """Return contents of a file as a config has them."""
    return {"source": f"data:;base64,{b64encode(data).decode()}"}


def files(**texts: str) -> dict[str, Any]:
    """Return a config of files below /etc."""
    items = [
        {"path": f"/etc/{name}", "contents": source(text.encode())} for name, text in texts.items()
    ]
    return {"storage": {"files": items}}


EVERYTHING = {
    "storage": {
        "directories": [{"path": "/opt/closed", "mode": 0o750}, {"path": "/opt/deep/er"}],
        "files": [
            {"path": "/etc/binary", "mode": 0o4755, "contents": source(BINARY)},
            {"path": "/etc/secret", "mode": 0o600, "contents": source(b"hidden")},
            {"path": "/etc/empty"},
            {"path": "/etc/added", "append": [source(b"one\n"), source(b"two\n")]},
            {"path": ODD, "contents": source(b"odd")},
        ],
        "links": [
            {"path": "/etc/soft", "target": "../nowhere at all"},
            {"path": "/srv/hard", "target": "/etc/binary", "hard": True},
        ],
    },
    "systemd": {
        "units": [
            {"name": "a.service", "enabled": True, "contents": "[Install]\nWantedBy=x.target\n"},
            {"name": "b.service", "mask": True},
            {"name": "c.service", "dropins": [{"name": "1.conf", "contents": "[Unit]\n"}]},
        ]
    },
}


def test_everything(site: Site) -> None:
    """Each kind of thing is made, once, and nothing but that is left."""
    report = site.bring(EVERYTHING)

    assert report is not None
    assert report.ok
    assert report.generation == 1
    tree = site.tree()
    assert (site.root / "etc/binary").read_bytes() == BINARY
    assert tree["/etc/secret"][0] == "0o100600"
    assert tree["/etc/soft"][3] == "../nowhere at all"
    assert tree["/srv/hard"][4] == tree["/etc/binary"][4]
    assert tree["/etc/added"][3] == b"one\ntwo\n"
    assert tree[ODD][3] == b"odd"
    assert not site.left()
    assert site.bring(EVERYTHING) is None


def test_there_and_back(site: Site) -> None:
    """A, then B, then A is A; then nothing is nothing."""
    first = files(one="1", two="2", three="3")
    site.bring(first)
    before = site.tree()

    site.bring(EVERYTHING)
    assert "/etc/one" not in site.tree()
    site.bring(first)

    assert site.tree() == before
    site.bring({})
    assert not site.tree()
    assert not site.left()


def test_kinds_replace_each_other(site: Site) -> None:
    """A file becomes a link, a folder, and a file again."""
    path = "/etc/x"
    kinds: list[dict[str, Any]] = [
        {"files": [{"path": path, "overwrite": True, "contents": source(b"1")}]},
        {"links": [{"path": path, "overwrite": True, "target": "y"}]},
        {"directories": [{"path": path, "overwrite": True, "mode": 0o700}]},
        {"files": [{"path": f"{path}/in", "contents": source(b"2")}]},
        {"files": [{"path": path, "overwrite": True, "contents": source(b"3")}]},
    ]
    for storage in kinds:
        report = site.bring({"storage": storage})
        assert report is not None
        assert report.ok, report.done

    assert (site.root / "etc/x").read_bytes() == b"3"


def test_what_was_there_stays(site: Site) -> None:
    """What a config does not name is not touched, also beside what goes."""
    (site.root / "etc/many").mkdir(parents=True)
    (site.root / "etc/many/mine").write_text("mine")
    site.bring({"storage": {"files": [{"path": "/etc/many/ours", "contents": source(b"x")}]}})

    site.bring({})

    assert [path for path in site.tree() if path.startswith("/etc/many")] == [
        "/etc/many",
        "/etc/many/mine",
    ]


def test_change_of_mode_alone(site: Site) -> None:
    """Only the mode changes when only the mode differs: the file stays the same one."""
    config = files(x="1")
    site.bring(config)
    inode = (site.root / "etc/x").stat().st_ino
    config["storage"]["files"][0]["mode"] = 0o640

    site.bring(config)

    facts = (site.root / "etc/x").stat()
    assert (facts.st_mode & 0o7777, facts.st_ino) == (0o640, inode)


def test_links_of_an_image_stay_inside(site: Site) -> None:
    """A link of the folder leads to where it would lead on the machine, not here."""
    (site.root / "opt").mkdir()
    (site.root / "srv").symlink_to("/opt")
    (site.root / "up").symlink_to("../../../opt")

    report = site.bring(
        {
            "storage": {
                "files": [
                    {"path": "/srv/x", "contents": source(b"1")},
                    {"path": "/up/y", "contents": source(b"2")},
                ]
            }
        }
    )

    assert report is not None
    assert report.ok
    assert sorted(path.name for path in (site.root / "opt").iterdir()) == ["x", "y"]


def test_original_comes_back(site: Site) -> None:
    """What the image has of its own comes back when ours goes."""
    (site.root / "usr/etc").mkdir(parents=True)
    (site.root / "etc").mkdir()
    for place in ("usr/etc", "etc"):
        (site.root / place / "x").write_text("of the image")
        (site.root / place / "x").chmod(0o640)
    config = files(x="ours")
    config["storage"]["files"][0]["overwrite"] = True

    site.bring(config)
    assert (site.root / "etc/x").read_text() == "ours"
    site.bring({})

    assert (site.root / "etc/x").read_text() == "of the image"
    assert (site.root / "etc/x").stat().st_mode & 0o7777 == 0o640


@pytest.mark.needs("root")
def test_owner_by_name(site: Site) -> None:
    """Names of owners are those of the folder, not ours."""
    (site.root / "etc").mkdir()
    (site.root / "etc/passwd").write_text("web:x:4711:4712::/srv:/bin/sh\n")
    (site.root / "etc/group").write_text("web:x:4712:\n")
    config = files(x="1")
    config["storage"]["files"][0] |= {"user": {"name": "web"}, "group": {"name": "web"}}

    site.bring(config)

    facts = (site.root / "etc/x").stat()
    assert (facts.st_uid, facts.st_gid) == (4711, 4712)


def test_failure_stops_and_is_told(site: Site) -> None:
    """What cannot be done is told, and the next change begins where this one ended."""
    (site.root / "etc/in-the-way").mkdir(parents=True)
    (site.root / "etc/in-the-way/mine").write_text("mine")
    record = Record(1, "sha256-x", nodes={})
    nodes = (
        NodeChange("/etc/first", Change.ADDED, Kind.FILE, contents=Blob(b"1")),
        NodeChange("/etc/in-the-way", Change.CHANGED, Kind.FILE, contents=Blob(b"2")),
        NodeChange("/etc/last", Change.ADDED, Kind.FILE, contents=Blob(b"3")),
    )
    with site.session() as session:
        report = Direct(session).apply(Plan(nodes=nodes, record=record))
        survey = question.survey(session, site.state({}))

    assert not report.ok
    assert [(item.what, item.ok) for item in report.done if item.what != "SELinux labels"] == [
        ("/etc/first", True),
        ("/etc/in-the-way", False),
    ]
    assert "folder" in report.done[1].message
    assert (site.root / "etc/in-the-way/mine").exists()
    assert not (site.root / "etc/last").exists()
    assert (report.generation, survey.config) == (0, "")
    assert not list(site.root.rglob("*.tmp"))


def test_a_folder_of_ours_becomes_a_file(site: Site) -> None:
    """It goes once it is empty; where somebody else has put something into it, it stays."""
    folder, one = site.root / "etc/x", {"path": "/etc/x/y/a", "contents": source(b"a")}
    other = files(x="a file now")
    before = {"storage": {"files": [one]}}
    site.bring(before)
    tree = site.tree()
    for _ in range(2):
        site.bring(other)
        assert folder.read_text() == "a file now"
        site.bring(before)
        assert site.tree() == tree

    (folder / "mine").write_text("mine")
    report = site.bring(other)
    assert report is not None
    failed = [(item.what, item.message) for item in report.done if not item.ok]
    assert failed == [("/etc/x", "a folder stands there: empty it, or say overwrite: true")]
    assert sorted(path.name for path in folder.rglob("*")) == ["mine"]

    (folder / "mine").unlink()
    report = site.bring(other)
    assert report is not None
    assert report.ok
    assert folder.read_text() == "a file now"


def test_changed_since_planned(site: Site) -> None:
    """A plan against another generation is refused."""
    with site.session() as session:
        first, second = (site.plan(session, site.state(files(x=text))) for text in "ab")
        Direct(session).apply(first)

        with pytest.raises(ToolboxError, match=r"changed by somebody else meanwhile.*generation 1"):
            Direct(session).apply(second)

    assert (site.root / "etc/x").read_text() == "a"
    assert not site.left()


def test_two_at_once(site: Site) -> None:
    """Who comes second is told who is first, and since when."""
    import subprocess

    place = site.root / "var/lib/infra-toolbox"
    place.mkdir(parents=True)
    (place / "lock").write_text("anna@desk since noon\n")
    with (
        subprocess.Popen(["flock", str(place / "lock"), "sleep", "60"]) as holder,
        site.session() as session,
    ):
        record = Record(1, "sha256-x")
        with pytest.raises(BusyError, match="anna@desk since noon is changing"):
            Direct(session, patience=1).apply(Plan(record=record))
        with pytest.raises(BusyError, match="anna@desk"):
            question.survey(session, site.state({}), patience=1)
        subprocess.run(["pkill", "-P", str(holder.pid)], check=True)


def test_goes_on_without_a_connection(site: Site) -> None:
    """A change goes on when its connection is cut, and who looks then waits for its end."""
    desired = site.state(files(x="1"))
    with site.session() as held, site.session() as other:
        plan = site.plan(held, desired)
        job = direct.write(plan, machine=False)
        job.lines.insert(0, f"op {job.number('a nap', 'taken')} sleep 2")
        lock = site.root / "var/lib/infra-toolbox/lock"

        def cut() -> None:
            end = time.monotonic() + 30
            while not lock.exists() and time.monotonic() < end:
                time.sleep(0.01)
            held.process.kill()

        thread = threading.Thread(target=cut)
        thread.start()
        with pytest.raises(SessionCut):
            jobs.carry_out(held, plan, job)
        thread.join()
        survey = question.survey(other, desired)

    assert survey.record == plan.record
    assert (site.root / "etc/x").read_text() == "1"
    assert not site.left()


def test_secrets_stay_in_their_place(site: Site, habitat: Any) -> None:
    """No copy of a secret is left anywhere, also when it is replaced or goes."""
    secret = {"path": "/etc/key", "mode": 0o600, "contents": source(b"first secret")}
    site.bring({"storage": {"files": [secret]}})
    secret["contents"] = source(b"second secret")
    site.bring({"storage": {"files": [secret]}})
    site.bring({})

    found = [
        path
        for folder in (site.root, habitat)
        for path in folder.rglob("*")
        if path.is_file() and b" secret" in path.read_bytes()
    ]
    assert not found


def test_what_is_replaced_is_kept(site: Site) -> None:
    """Bytes that go are kept for the way back, as long as some generation names them."""
    site.bring(files(x="first"))
    site.bring(files(x="second"))
    blobs = site.root / "var/lib/infra-toolbox/blobs"

    assert [path.read_text() for path in blobs.iterdir()] == ["first"]
    for number in range(jobs.KEPT_GENERATIONS + 1):
        site.bring(files(x=str(number)))

    assert "first" not in [path.read_text() for path in blobs.iterdir()]
    numbers = {int(path.stem) for path in (blobs.parent / "generations").iterdir()}
    assert numbers == set(range(4, 14))


def test_large_bytes_are_not_sent_twice(site: Site) -> None:
    """A large file that only changes its name is copied where it is."""
    large = os.urandom(direct.LARGE + 1)
    sent: list[int] = []
    config = {"storage": {"files": [{"path": "/srv/a", "contents": source(large)}]}}
    site.bring(config)
    desired = site.state({"storage": {"files": [{"path": "/srv/b", "contents": source(large)}]}})

    with site.session() as session:
        plan = site.plan(session, desired)
        known = Direct(session)._known(plan)
        job = direct.write(plan, machine=False, known=known)
        sent.append(len(job.bundle.data))
        report = Direct(session).apply(plan)

    assert report.ok
    assert sent[0] < len(large)
    assert (site.root / "srv/b").read_bytes() == large
    assert not (site.root / "srv/a").exists()


def test_copy_that_changed_is_refused(site: Site) -> None:
    """A file that is not any more what it was is not copied for it."""
    large = os.urandom(direct.LARGE)
    gone = Found(Kind.FILE, 0o644, 0, 0, digest=Blob(large).digest)
    (site.root / "srv").mkdir()
    (site.root / "srv/a").write_bytes(b"other")
    plan = Plan(
        nodes=(
            NodeChange("/srv/b", Change.ADDED, Kind.FILE, contents=Blob(large)),
            NodeChange("/srv/a", Change.REMOVED, Kind.FILE, was=gone),
        ),
        record=Record(1, "sha256-x"),
    )
    with site.session() as session:
        report = Direct(session).apply(plan)

    assert not report.ok
    assert "changed meanwhile" in report.done[0].message
    assert (site.root / "srv/a").read_bytes() == b"other"


def test_units_are_touched_in_calls() -> None:
    """Units go first or last, those with one verb in one call, with one reload between."""
    actions = [("a", Verb.STOP), ("b", Verb.STOP), ("c", Verb.DISABLE), ("d", Verb.ENABLE)]
    actions += [("d", Verb.START), ("e", Verb.RESTART)]
    plan = Plan(
        nodes=(NodeChange("/etc/x", Change.ADDED, Kind.FILE, contents=Blob(b"")),),
        units=tuple(UnitAction(f"{name}.service", verb) for name, verb in actions),
        commands=(("update-ca-trust",),),
        reload=True,
    )

    lines = direct.write(plan, machine=True).lines

    words = [" ".join(line.split()[:2]) for line in lines]
    assert words == [
        "units stop",
        "units disable",
        "op 3",
        "try 4",
        "program 5",
        "units enable",
        "op 7",
        "units start",
        "units restart",
    ]
    assert lines[0] == "units stop 0 a.service 1 b.service"
    assert lines[6] == "op 7 systemctl daemon-reload"


def test_keepsakes() -> None:
    """What stands nowhere by itself is kept, but for secrets."""
    plan = Plan(record=Record(1, "sha256-x"))
    job = jobs.Job()

    direct.remember(
        job,
        plan,
        None,
        [Keepsake(Blob(b"open"), secret=False), Keepsake(Blob(b"shut"), secret=True)],
    )

    assert bytes(job.bundle.data) == b"open"
    assert [line.split()[2] for line in job.lines] == ["keep_piece"]


def test_record_tells_who(site: Site) -> None:
    """The machine remembers who made it what it is, and with what."""
    site.bring(files(x="1"))

    text = (site.root / "var/lib/infra-toolbox/record.json").read_text()
    record = records.load(text)

    assert (record.who, record.engine, record.generation) == ("me@here", "direct", 1)
    assert json.loads(text)["nodes"]["/etc/x"]["digest"] == Blob(b"1").digest
    mode = (site.root / "var/lib/infra-toolbox").stat().st_mode & 0o777
    assert mode == 0o700
    assert dataclasses.replace(record, generation=2) != record
