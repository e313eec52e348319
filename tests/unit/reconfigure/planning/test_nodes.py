"""What becomes of single paths: refusals, what the image has, what is appended, what stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.reconfigure.model import Entry, Machine, file, read, storage
from toolbox.lib.core.report import Severity
from toolbox.lib.reconfigure.desire.state import Kind, Remote
from toolbox.lib.reconfigure.planning.plan import Change, Plan


def _codes(plan: Plan) -> list[str]:
    return [finding.code for finding in plan.findings]


def _paths(plan: Plan) -> list[tuple[str, Change]]:
    return [(change.path, change.change) for change in plan.nodes]


FOREIGN = {
    "a file": (Entry(Kind.FILE, data=b"theirs"), storage(file("/srv/x", "ours"))),
    "a link": (Entry(Kind.LINK, target="y"), storage(file("/srv/x", "ours"))),
    "another link": (
        Entry(Kind.LINK, target="y"),
        storage(links=[{"path": "/srv/x", "target": "z"}]),
    ),
    "a file for a folder": (Entry(Kind.FILE), storage(directories=[{"path": "/srv/x"}])),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_others_put_there(case: str) -> None:
    """What nobody recorded is not replaced, as Ignition would not, unless that is said."""
    entry, config = FOREIGN[case]
    machine = Machine()
    machine.tree["/srv/x"] = entry
    plan = machine.plan(read(config))
    assert _codes(plan) == ["path-exists"]
    assert not plan.nodes
    for items in config["storage"].values():
        for item in items:
            item["overwrite"] = True
    plan = machine.plan(read(config))
    assert not plan.findings
    assert [change.path for change in plan.nodes] == ["/srv/x"]


def test_what_is_right_already() -> None:
    """A file of others that is as it shall be is left alone."""
    machine = Machine()
    machine.tree["/srv/x"] = Entry(Kind.FILE, data=b"same")
    plan = machine.plan(read(storage(file("/srv/x", "same"))))
    assert not plan.nodes
    assert not plan.findings


def test_a_machine_without_a_record() -> None:
    """A machine that was made before there were records is taken over, and that is said."""
    machine = Machine(config="sha256-old")
    machine.tree["/srv/x"] = Entry(Kind.FILE, data=b"old")
    plan = machine.plan(read(storage(file("/srv/x", "new"))))
    assert [finding.severity for finding in plan.findings] == [Severity.WARNING]
    assert _paths(plan) == [("/srv/x", Change.CHANGED)]


def test_a_folder_in_the_way() -> None:
    """A folder of others goes with all that is in it only where the config says so."""
    machine = Machine()
    machine.tree["/srv/x"] = Entry(Kind.DIRECTORY)
    assert _codes(machine.plan(read(storage(file("/srv/x", "a"))))) == ["folder-in-the-way"]
    plan = machine.plan(read(storage(file("/srv/x", "a", overwrite=True))))
    assert [(change.path, change.clear) for change in plan.nodes] == [("/srv/x", True)]


@pytest.mark.parametrize("kind", ["file", "link", "hard link"])
def test_a_folder_of_ours_in_the_way(kind: str) -> None:
    """What we put into a folder goes, then the folder, and then something else stands there."""
    one = read(storage(file("/srv/x/y/a", "a"), file("/srv/x/b", "b"), file("/srv/c", "c")))
    link = {"path": "/srv/x", "target": "/srv/c", "hard": kind == "hard link"}
    nodes = [file("/srv/c", "c")], {"links": [link]}
    if kind == "file":
        nodes = [file("/srv/c", "c"), file("/srv/x", "x")], {}
    other = read(storage(*nodes[0], **nodes[1]))
    machine = Machine().ignite(one)
    before = machine.seen()

    plan = machine.plan(other)
    assert [(it.path, str(it.change)) for it in plan.nodes] == [
        ("/srv/x/y/a", "removed"),
        ("/srv/x/b", "removed"),
        ("/srv/x/y", "removed"),
        ("/srv/x", "removed"),
        ("/srv/x", "added"),
    ]
    machine.apply(plan)
    assert machine.seen() == Machine().ignite(other).seen()
    machine.apply(machine.plan(one))
    assert machine.seen() == before


def test_file_becomes_link() -> None:
    """What we put there becomes something else without a word."""
    machine = Machine().ignite(read(storage(file("/srv/x", "a"))))
    plan = machine.plan(read(storage(links=[{"path": "/srv/x", "target": "y"}])))
    assert [(change.kind, change.clear, change.reasons) for change in plan.nodes] == [
        (Kind.LINK, True, ("kind",))
    ]


def test_devices() -> None:
    """A device, socket or pipe is not replaced."""
    machine = Machine()
    machine.tree["/srv/x"] = Entry(Kind.FILE)
    state = read(storage(file("/srv/x", "a")))
    survey = machine.survey(state)
    found = replace(survey.nodes["/srv/x"], kind=None, digest=None, contents=None)
    plan = machine.plan(state, nodes={**survey.nodes, "/srv/x": found})
    assert _codes(plan) == ["path-exists"]
    assert "device" in plan.findings[0].message


READ_ONLY = {
    "/usr/bin/x": True,
    "/boot/x": True,
    "/data/x": True,
    "/usr/local/bin/x": False,
    "/var/x": False,
    "/etc/x": False,
    "/proc/sys/x": True,
    "/var/lib/infra-toolbox/record.json": True,
}


@pytest.mark.parametrize("path", READ_ONLY)
def test_places_that_cannot_be_written(path: str) -> None:
    """What comes with the image of a machine, or is not ours, is refused."""
    plan = Machine().plan(read(storage(file(path, "x"))), ostree=True)
    assert ("read-only" in _codes(plan)) is READ_ONLY[path]


def test_usr_elsewhere() -> None:
    """On a machine whose /usr can be written, it is."""
    assert not Machine().plan(read(storage(file("/usr/bin/x", "x")))).findings


def test_no_such_owner() -> None:
    """An owner that the machine does not have is told; one that the config makes is not."""
    config = storage(file("/srv/x", "a", user={"name": "me"}))
    assert _codes(Machine().plan(read(config))) == ["no-owner"]
    config["passwd"] = {"users": [{"name": "me"}]}
    assert not Machine().plan(read(config)).findings


def _far(url: str, **more: Any) -> dict[str, Any]:
    return storage({"path": "/srv/far", "contents": {"source": url, **more}})


HASH = {"verification": {"hash": f"sha256-{'0' * 64}"}}
FAR = {
    "sound": (_far("https://example.com/x", **HASH), True),
    "no hash": (_far("https://example.com/x"), False),
    "compressed": (_far("https://example.com/x", compression="gzip", **HASH), True),
    "elsewhere": (_far("s3://bucket/x", **HASH), False),
}


@pytest.mark.parametrize("case", FAR)
def test_fetched(case: str) -> None:
    """What the machine can fetch and check it does; anything else is refused."""
    config, sound = FAR[case]
    plan = Machine().plan(read(config))
    assert _codes(plan) == ([] if sound else ["remote"])
    if sound:
        packed = "gzip" if case == "compressed" else ""
        digest = HASH["verification"]["hash"]
        assert plan.nodes[-1].remote == Remote("https://example.com/x", digest, packed)


def test_fetched_at_the_first_boot() -> None:
    """What was fetched at the first boot and is named in the same way is not fetched again."""
    wanted = read(_far("s3://bucket/x"))
    machine = Machine()
    machine.ignite(wanted)
    assert machine.plan(wanted).nothing
    assert _codes(machine.plan(read(_far("s3://bucket/y")))) == ["remote"]


def _append(text: str) -> dict[str, Any]:
    return {"path": "/etc/own", "append": [file("", text)["contents"]]}


def test_appending() -> None:
    """What is appended stands there once, is replaced when it changes, and goes."""
    machine = Machine().ignite(read(storage(_append("one\n"))))
    assert machine.tree["/etc/own"].data == b"of the image\none\n"
    assert machine.plan(read(storage(_append("one\n")))).nothing
    machine.apply(machine.plan(read(storage(_append("two\n")))))
    assert machine.tree["/etc/own"].data == b"of the image\ntwo\n"
    machine.apply(machine.plan(read({})))
    assert machine.tree["/etc/own"].data == b"of the image\n"


def test_appending_outside_of_etc() -> None:
    """Also where the image's own version is not known, and somebody wrote behind ours."""
    item = {"path": "/srv/log", "append": [file("", "ours\n")["contents"]]}
    machine = Machine()
    machine.tree["/srv/log"] = Entry(Kind.FILE, data=b"first\n")
    machine.apply(machine.plan(read(storage(item))))
    machine.tree["/srv/log"].data += b"last\n"
    assert machine.plan(read(storage(item))).nodes == ()
    machine.apply(machine.plan(read({})))
    assert machine.tree["/srv/log"].data == b"first\nlast\n"


def test_what_cannot_be_read() -> None:
    """A file that is appended to and does not come along is taken as known, or refused."""
    machine = Machine().ignite(read(storage(_append("one\n"))))

    def plan(text: str) -> Plan:
        state = read(storage(_append(text)))
        survey = machine.survey(state)
        found = replace(survey.nodes["/etc/own"], contents=None)
        return machine.plan(state, nodes={**survey.nodes, "/etc/own": found})

    assert plan("one\n").nothing
    assert _codes(plan("two\n")) == ["not-readable"]


def test_the_image_s_own_comes_back() -> None:
    """What the image has is there again when ours goes, a whole folder, too."""
    config = storage(
        file("/etc/own", "ours", overwrite=True),
        links=[{"path": "/etc/own.d", "target": "elsewhere", "overwrite": True}],
    )
    machine = Machine().ignite(read(config))
    plan = machine.plan(read({}))
    assert {change.path: change.restored for change in plan.nodes} == {
        "/etc/own": True,
        "/etc/own.d": True,
    }


def test_what_stays() -> None:
    """What is something else by now, or was never ours, is left there, and that is said."""
    config = storage(file("/srv/x", "a"), file("/srv/y", mode=0o600))
    machine = Machine()
    machine.tree["/srv/y"] = Entry(Kind.FILE, data=b"theirs")
    machine.ignite(read(config))
    machine.tree["/srv/x"] = Entry(Kind.LINK, target="by-hand")
    plan = machine.plan(read({}))
    assert not plan.nodes
    assert _codes(plan) == ["stays", "stays"]


def test_hard_links() -> None:
    """A hard link is made anew when the file that it leads to is written anew."""
    links = [{"path": "/srv/h", "target": "/srv/f", "hard": True}]
    machine = Machine().ignite(read(storage(file("/srv/f", "one"), links=links)))
    assert _paths(machine.plan(read(storage(file("/srv/f", "two"), links=links)))) == [
        ("/srv/f", Change.CHANGED),
        ("/srv/h", Change.CHANGED),
    ]
    mode = read(storage(file("/srv/f", "one", mode=0o600), links=links))
    assert _paths(machine.plan(mode)) == [("/srv/f", Change.CHANGED)]


SAME = file("/srv/h", "one", mode=0o600)


@pytest.mark.parametrize("after", [SAME, file("/srv/h", "one"), {"path": "/srv/h"}])
@pytest.mark.parametrize("steps", [None, 0, 1])
def test_hard_link_becomes_file(after: dict[str, Any], steps: int | None) -> None:
    """It is made one of its own, also by the second of two applies, the first cut off."""
    other = file("/srv/f", "one", mode=0o600)
    links = [{"path": "/srv/h", "target": "/srv/f", "hard": True}]
    linked, parted = read(storage(other, links=links)), read(storage(other, after))
    anew, machine = Machine().ignite(parted), Machine().ignite(linked)
    plan = machine.plan(parted)
    assert [(item.path, item.clear) for item in plan.nodes] == [("/srv/h", True)]

    machine.apply(plan, steps=steps)
    machine.apply(machine.plan(parted))

    assert machine.seen() == anew.seen()
    assert machine.plan(parted).nothing


def test_file_becomes_hard_link_cut_off() -> None:
    """Where it was made and nobody has recorded that, going back makes it a file again."""
    alone = read(storage(file("/srv/f", "one"), file("/srv/h", "one")))
    links = [{"path": "/srv/h", "target": "/srv/f", "hard": True}]
    machine, anew = Machine().ignite(alone), Machine().ignite(alone)

    machine.apply(machine.plan(read(storage(file("/srv/f", "one"), links=links))), steps=1)
    assert machine.seen() != anew.seen()
    machine.apply(machine.plan(alone))

    assert machine.seen() == anew.seen()


@pytest.mark.parametrize("after", [SAME, file("/srv/h", "one"), {"path": "/srv/h"}])
@pytest.mark.parametrize("steps", [None, 0, 1])
def test_hard_link_to_what_others_made(after: dict[str, Any], steps: int | None) -> None:
    """What a link of ours leads to is as it was, when a file follows it and when it comes back."""
    linked = read(storage(links=[{"path": "/srv/h", "target": "/srv/f", "hard": True}]), "linked")
    alone = read(storage(after), "alone")
    machine = Machine()
    machine.tree["/srv/f"] = Entry(Kind.FILE, 0o640, data=b"one")
    for one, other in ((linked, alone), (alone, linked)):
        anew, follows, returns = (machine.copy().ignite(it) for it in (other, one, one))
        before = returns.seen()

        for each in (follows, returns):
            each.apply(each.plan(other), steps=steps)
        follows.apply(follows.plan(other))
        returns.apply(returns.plan(one))

        assert follows.seen() == anew.seen()
        assert returns.seen() == before


@pytest.mark.parametrize("what", ["nothing", "goes", "is made", "is replaced"])
def test_hard_link_to_what_will_not_be_there(what: str) -> None:
    """It is refused before anything is done, as Ignition would not boot."""
    links = [{"path": "/srv/h", "target": "/srv/f", "hard": True}]
    machine, files = Machine(), []
    if what == "goes":
        machine.ignite(read(storage(file("/srv/f", "one"))))
    elif what == "is made":
        files = [file("/srv/f", "one")]
    elif what == "is replaced":
        links = [{**links[0], "target": "/etc/own.d/x"}]
        links += [{"path": "/etc/own.d", "target": "own", "overwrite": True}]

    plan = machine.plan(read(storage(*files, links=links), "b"))

    assert _codes(plan) == ([] if what == "is made" else ["no-target"])


NAMED = {
    "not at all": {},
    "for its mode": storage({"path": "/srv/b", "mode": 0o600}),
    "as a link": storage(links=[{"path": "/srv/l", "target": "/srv/b", "hard": True}]),
}


@pytest.mark.parametrize("how", NAMED)
@pytest.mark.parametrize("known", [True, False])
def test_cut_off_before_it_took_the_place_of_others(how: str, *, known: bool) -> None:
    """What it should have replaced, and has not, is none of ours."""
    machine = Machine()
    machine.tree["/srv/b"] = Entry(Kind.FILE, data=b"theirs")
    if known:
        machine.ignite(read({}))
    replaced = read(storage(file("/srv/b", "ours", overwrite=True)), "b")

    machine.apply(machine.plan(replaced), steps=0)
    machine.apply(machine.plan(read(NAMED[how], "c")))

    assert machine.tree["/srv/b"].data == b"theirs"


@pytest.mark.parametrize("second", [file("/srv/b", mode=0o600), {"path": "/srv/b"}])
def test_hard_links_of_others_stay(second: dict[str, Any]) -> None:
    """What the image has linked keeps its bytes, where a config says only whose it is."""
    desired = read(storage(file("/srv/a", mode=0o600), second))
    machine, anew = Machine(), Machine()
    for each in (machine, anew):
        each.tree["/srv/a"] = each.tree["/srv/b"] = Entry(Kind.FILE, data=b"theirs")
    anew.ignite(desired)
    assert anew.plan(desired).nothing

    plan = machine.plan(desired)
    assert not any(item.clear or item.contents for item in plan.nodes)
    machine.apply(plan)

    assert machine.seen() == anew.seen()


def test_first_boot_only() -> None:
    """What takes effect at a first boot only is told, time and again, and nothing is done."""
    machine = Machine().ignite(read(storage(disks=[{"device": "/dev/vda"}])))
    other = read(storage(file("/srv/x", "a"), disks=[{"device": "/dev/vdb"}]))
    plan = machine.plan(other)
    assert plan.provisioning == ("storage.disks",)
    machine.apply(plan)
    again = machine.plan(other)
    assert again.nothing
    assert again.provisioning == ("storage.disks",)


def test_generations() -> None:
    """Each plan that changes something has the next number, and is against the one before."""
    machine = Machine()
    plan = machine.plan(read(storage(file("/srv/x", "a"))))
    assert plan.record
    assert (plan.base, plan.record.generation, plan.record.who) == (None, 1, "me@here")
    machine.apply(plan)
    other = machine.plan(read(storage(file("/srv/x", "b")), "b"))
    assert other.record
    assert (other.base, other.record.generation, other.record.config) == (1, 2, "sha256-b")


def test_risk_of_files() -> None:
    """A file by which an operator could be locked out is told."""
    plan = Machine().plan(read(storage(file("/etc/ssh/sshd_config.d/x.conf", "Port 23\n"))))
    assert any("sshd_config" in reason for reason in plan.risky)
    assert not Machine().plan(read(storage(file("/etc/motd", "x")))).risky
