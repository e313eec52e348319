"""What a config demands, by the rules of Ignition, which is asked here as well."""

from __future__ import annotations

import gzip
import json
import stat
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.reconfigure.model import file, read, storage
from toolbox.lib.butane.bootstrap import HASH_FILE, PlaceFile, wrap
from toolbox.lib.butane.translate import IgnitionConfig
from toolbox.lib.core.files import sha256
from toolbox.lib.core.run import run
from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.host import Host
from toolbox.lib.reconfigure.desire import ignition
from toolbox.lib.reconfigure.desire.inheritance import ConfigError
from toolbox.lib.reconfigure.desire.state import PRESET, UNITS, Kind, Node, Unit
from toolbox.lib.reconfigure.history import record
from toolbox.lib.reconfigure.look.survey import Survey
from toolbox.lib.reconfigure.planning.switches import settled

if TYPE_CHECKING:
    from toolbox.lib.reconfigure.desire.state import DesiredState


def _node(config: dict[str, Any], path: str) -> Node:
    found = {node.path: node for node in read(config).nodes}
    return found[path]


def _bytes(node: Node) -> bytes | None:
    return node.contents.reveal() if node.contents is not None else None


PACKED = b64encode(gzip.compress(b"unpacked")).decode()
SOURCES = {
    "percent": ({"source": "data:,a%20b+c"}, b"a b+c"),
    "base64": ({"source": "data:text/plain;charset=utf-8;base64,AP8="}, b"\0\xff"),
    "gzip": ({"source": f"data:;base64,{PACKED}", "compression": "gzip"}, b"unpacked"),
    "gzip as it is": ({"source": f"data:;base64,{PACKED}"}, gzip.compress(b"unpacked")[:2]),
    "empty": ({"source": ""}, b""),
    "empty url": ({"source": "data:,"}, b""),
    "nothing": ({}, None),
    "hash": ({"source": "data:,x", "verification": {"hash": sha256(b"x")}}, b"x"),
}


@pytest.mark.parametrize("case", SOURCES)
def test_contents(case: str) -> None:
    """Contents are decoded, unpacked and verified; none is none."""
    resource, expected = SOURCES[case]
    found = _bytes(_node(storage({"path": "/etc/a", "contents": resource}), "/etc/a"))
    assert (found or b"")[: len(expected or b"")] == (expected or b"")
    assert (found is None) == (expected is None)


REFUSED = {
    "blank": storage({"path": "/a", "contents": {"source": "data:,a b"}}),
    "hash": storage({"path": "/a", "contents": {"source": "data:,x", "verification": {"hash": 1}}}),
    "other hash": storage(
        {"path": "/a", "contents": {"source": "data:,x", "verification": {"hash": sha256(b"y")}}}
    ),
    "relative": storage({"path": "etc/a"}),
    "root": storage({"path": "/"}),
    "twice": storage({"path": "/a"}, links=[{"path": "/a", "target": "b"}]),
    "no list": {"storage": {"files": {}}},
    "no mapping": {"storage": {"files": ["/a"]}},
    "mode": storage({"path": "/a", "mode": "0644"}),
    "no target": {"storage": {"links": [{"path": "/a"}]}},
    "slash": {"systemd": {"units": [{"name": "../a.service"}]}},
    "half a character": {"systemd": {"units": [{"name": "a.service", "contents": "\ud800"}]}},
    "remote config": {
        "ignition": {"version": "3.4.0", "config": {"merge": [{"source": "http://x"}]}}
    },
    "remote append": storage({"path": "/a", "append": [{"source": "https://x/"}]}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    """What Ignition would refuse, or what only the machine can know, is told."""
    with pytest.raises(ConfigError) as caught:
        read(REFUSED[case])
    assert caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ignition":{"version":"2.2.0"}}', "[" * 10**5])
def test_no_config(text: str) -> None:
    """What is no config of version 3 is told."""
    with pytest.raises(ConfigError):
        ignition.read(text, "sha256-x")


def test_all_mistakes_at_once() -> None:
    """Each mistake is told with its place, all in one error."""
    with pytest.raises(ConfigError) as caught:
        read(storage({"path": "a"}, {"path": "/b", "mode": "x"}))
    assert "storage.files.0.path is no absolute path" in caught.value.message
    assert "storage.files.1.mode is no whole number" in caught.value.message


@pytest.mark.parametrize(
    ("version", "mode"), [("3.4.0", 0o755), ("3.5.0", 0o755), ("3.6.0", 0o4755)]
)
def test_special_bits(version: str, mode: int) -> None:
    """Setuid, setgid and sticky are dropped before version 3.6.0."""
    config = {"ignition": {"version": version}, **storage(file("/etc/a", "", mode=0o4755))}
    assert _node(config, "/etc/a").mode == mode


def test_owner() -> None:
    """A number wins over a name; neither is nothing said."""
    node = _node(
        storage({"path": "/etc/a", "user": {"id": 3, "name": "core"}, "group": {"name": "wheel"}}),
        "/etc/a",
    )
    assert (node.user, node.group) == (3, "wheel")
    assert _node(storage({"path": "/etc/a"}), "/etc/a").user is None


def test_folders_that_lack() -> None:
    """Folders above are there, and no mode is said of them."""
    nodes = read(storage(file("/srv/a/b", "x"))).nodes
    assert [(node.path, node.mode) for node in nodes] == [
        ("/srv", None),
        ("/srv/a", None),
        ("/srv/a/b", None),
    ]
    assert nodes[0].origin == "folder of /srv/a/b"


def test_order() -> None:
    """What is deeper comes later, hard links last."""
    nodes = read(
        storage(
            file("/a/b/c", ""),
            links=[
                {"path": "/h", "target": "/a/b/c", "hard": True},
                {"path": "/a/l", "target": "b"},
            ],
        )
    ).nodes
    assert [node.path for node in nodes][-2:] == ["/a/b/c", "/h"]
    assert nodes[-1].kind is Kind.HARD_LINK


UNITS_CONFIG: dict[str, Any] = {
    "systemd": {
        "units": [
            {"name": "z.service", "enabled": True},
            {"name": "web@b.service", "enabled": True},
            {"name": "web@a.service", "enabled": True},
            {"name": "off.service", "enabled": False},
            {
                "name": "own.service",
                "contents": "[Service]\nExecStart=/bin/true\n",
                "dropins": [{"name": "1.conf", "contents": ""}, {"name": "2.conf"}],
            },
            {"name": "empty.service", "contents": ""},
            {"name": "masked.service", "contents": "[Service]\n", "mask": True},
            {"name": "unmasked.service", "mask": False},
        ]
    },
    **storage(file(f"{UNITS}/masked.service", "x")),
}


def test_units() -> None:
    """Units are files, drop-ins, masks and lines of presets, and win over files of the storage."""
    state = read(UNITS_CONFIG)
    nodes = {node.path: node for node in state.nodes if node.kind is not Kind.DIRECTORY}
    assert sorted(nodes) == [
        PRESET,
        f"{UNITS}/masked.service",
        f"{UNITS}/own.service",
        f"{UNITS}/own.service.d/1.conf",
    ]
    assert nodes[f"{UNITS}/masked.service"].target == "/dev/null"
    assert nodes[f"{UNITS}/own.service"].origin == "unit own.service"
    assert _bytes(nodes[PRESET]) == (
        b"disable off.service\nenable web@.service b a\nenable z.service\n"
    )
    assert Unit("unmasked.service", None, masked=False) in state.units
    assert f"{UNITS}/unmasked.service" in ignition.paths(state)


def test_users() -> None:
    """What is said about users and groups is kept; their keys are lines."""
    state = read(
        {
            "passwd": {
                "users": [
                    {"name": "core", "sshAuthorizedKeys": ["a 1\nb 2", "c 3"], "passwordHash": ""},
                    {"name": "gone", "shouldExist": False, "homeDir": ""},
                ],
                "groups": [{"name": "staff", "gid": 5}],
            }
        }
    )
    core, gone = state.users
    assert core.keys == ("a 1", "b 2", "c 3")
    assert core.password == Secret("")
    assert not gone.exists
    assert gone.home is None
    assert state.groups[0].gid == 5


def test_first_boot_only() -> None:
    """What is made before there is a system is known by its hash."""
    one = read({"storage": {"disks": [{"device": "/dev/vda"}]}})
    other = read({"storage": {"disks": [{"device": "/dev/vdb"}]}, "kernelArguments": {}})
    more = read({"kernelArguments": {"shouldExist": ["quiet"]}})
    assert list(one.provisioning) == list(other.provisioning) == ["storage.disks"]
    assert one.provisioning != other.provisioning
    assert list(more.provisioning) == ["kernelArguments"]


SECRETS = {
    ("/etc/a", 0o600, "x"): True,
    ("/etc/a", 0o640, "x"): False,
    ("/etc/ssh/ssh_host_ed25519_key", 0o644, "x"): True,
    ("/etc/ssh/ssh_host_ed25519_key.pub", 0o644, "x"): False,
    ("/etc/credstore/server.crt", 0o644, "x"): True,
    ("/srv/tls.key", 0o644, "x"): True,
    ("/etc/a", 0o644, "-----BEGIN EC PRIVATE KEY-----"): True,
    ("/etc/keyboard", 0o644, "x"): False,
}


@pytest.mark.parametrize("case", SECRETS)
def test_secrets(case: tuple[str, int, str]) -> None:
    """Few readers, a place for keys, or a key in it make a file secret."""
    path, mode, text = case
    assert _node(storage(file(path, text, mode=mode)), path).secret is SECRETS[case]
    assert text not in repr(_node(storage(file(path, f"{text} canary", mode=mode)), path))


def _config(config: dict[str, Any]) -> IgnitionConfig:
    text = json.dumps({"ignition": {"version": "3.6.0"}, **config})
    return IgnitionConfig(
        Host("web", "web.internal", "fcos", Path()), Secret(text), sha256(text.encode())
    )


PLACE = (PlaceFile("/etc/card", "given"), PlaceFile("/etc/hosts", "ours\n", append=True))


def test_files_of_the_place() -> None:
    """Files of the place are there, and the config wins; the hash is the config's."""
    config = _config(storage(file("/etc/card", "mine"), file("/etc/hosts", "own\n")))
    state = ignition.derive(config, PLACE)
    nodes = {node.path: node for node in state.nodes}
    assert _bytes(nodes["/etc/card"]) == b"mine"
    assert record.whole(nodes["/etc/hosts"]).reveal() == b"own\nours\n"
    assert state.config == config.sha256


def _applied(config: str, root: Path) -> dict[str, tuple[object, ...]]:
    """Return what Ignition's own program makes of a config in an empty folder."""
    root.mkdir()
    command: list[str | Path] = ["ignition-apply", "--root", root, "--offline", "-"]
    result = run(command, stdin=config, timeout=60, check=False)
    assert result.ok, result.tail()
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        name = f"/{path.relative_to(root).as_posix()}"
        if name in {HASH_FILE, str(Path(HASH_FILE).parent)}:
            continue
        facts = path.lstat()
        mode = stat.S_IMODE(facts.st_mode)
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_dir():
            found[name] = ("directory", mode)
        else:
            found[name] = ("file", mode, path.read_bytes(), facts.st_nlink)
    return found


def _made(state: DesiredState) -> dict[str, tuple[object, ...]]:
    """Return what is to be made of a state in an empty folder."""
    hard = {node.path: node.target for node in state.nodes if node.kind is Kind.HARD_LINK}
    nodes = {node.path: node for node in state.nodes}
    found: dict[str, tuple[object, ...]] = {}
    for path, node in nodes.items():
        if node.kind is Kind.LINK:
            found[path] = ("link", node.target)
        elif node.kind is Kind.DIRECTORY:
            found[path] = ("directory", 0o755 if node.mode is None else node.mode)
        else:
            own = nodes[hard.get(path) or path]
            links = 1 + sum(target == own.path for target in hard.values())
            mode = 0o644 if own.mode is None else own.mode
            found[path] = ("file", mode, record.whole(own).reveal(), links)
    return found


WHOLE = {
    **UNITS_CONFIG,
    "storage": {
        "files": [
            file("/etc/a/b", b"\0\xff", mode=0o600),
            file("/etc/none"),
            file("/etc/card", "mine"),
            {**file("/etc/more", "x\n"), "append": [file("", "y\n")["contents"]] * 2},
            {"path": "/etc/only", "append": [file("", "y\n")["contents"]]},
            file("/usr/bin/up", "#!/bin/sh\n", mode=0o6755),
            file("/srv/one", "one"),
        ],
        "directories": [{"path": "/srv/sticky", "mode": 0o1777}, {"path": "/srv/plain/deep"}],
        "links": [
            {"path": "/etc/l", "target": "../nowhere"},
            {"path": "/srv/two", "target": "/srv/one", "hard": True},
        ],
    },
}


@pytest.mark.needs("ignition-apply")
def test_as_ignition_does_it(tmp_path: Path) -> None:
    """A config of all kinds becomes what Ignition's own program makes of it."""
    # Reason: about masks and instances Ignition asks systemd, which does not run there.
    units = [
        unit
        for unit in UNITS_CONFIG["systemd"]["units"]
        if unit.get("mask") is not False and "@" not in unit["name"]
    ]
    units += [{"name": "fixed.service", "contents": "[Service]\n", "enabled": False}]
    config = _config({**WHOLE, "systemd": {"units": units}})
    expected = _applied(wrap(config, PLACE).reveal(), tmp_path / "root")
    state = ignition.derive(config, PLACE)
    made = _made(settled(state, Survey()))
    assert made == expected


NAMES = st.sampled_from(["a", "b", "a/c", "a/c/d", "b/e"])
DATA = st.binary(max_size=40)


@st.composite
def _trees(draw: st.DrawFn) -> dict[str, Any]:
    lists: dict[str, Any] = {"files": [], "directories": [], "links": []}
    used: dict[str, str] = {}
    for name in draw(st.lists(NAMES, unique=True)):
        kinds = ["files", "directories", "links"]
        kind = draw(st.sampled_from(kinds))
        path = f"/srv/{name}"
        blocked = any(used[it] != "directories" and path.startswith(f"{it}/") for it in used) or (
            kind != "directories" and any(it.startswith(f"{path}/") for it in used)
        )
        if blocked:
            continue
        used[path] = kind
        node = {"path": path, "mode": draw(st.sampled_from([None, 0o600, 0o755, 0o1755, 0]))}
        if kind == "files":
            node = {**file(path, draw(DATA)), "mode": node["mode"]}
            node["append"] = [
                file("", draw(DATA))["contents"] for _ in range(draw(st.integers(0, 2)))
            ]
        elif kind == "links":
            node = {"path": path, "target": draw(st.sampled_from(["../x", "/srv/a", "."]))}
        lists[kind].append(node)
    return {"storage": lists}


@pytest.mark.needs("ignition-apply")
@settings(max_examples=25)
@given(child=_trees(), parent=_trees())
def test_merged_as_ignition_does_it(
    child: dict[str, Any], parent: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Two configs, one merged into the other, become what Ignition makes of them, or nothing."""
    inner = json.dumps({"ignition": {"version": "3.6.0"}, **child})
    source = file("", inner)["contents"]
    head = {"version": "3.6.0", "config": {"merge": [source]}}
    text = json.dumps({"ignition": head, **parent})
    root = tmp_path_factory.mktemp("ignition") / "root"
    try:
        expected = _applied(text, root)
    except AssertionError:
        # Reason: together they may want a path to be a file, and a folder of another.
        return
    state = ignition.read(text, "sha256-x")
    links = [node.path for node in state.nodes if node.kind is Kind.LINK]
    if not any(node.path.startswith(f"{link}/") for node in state.nodes for link in links):
        assert _made(state) == expected
