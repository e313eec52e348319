"""Tests of reading a project."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

import pytest

from toolbox.lib.core.errors import UsageError
from toolbox.lib.inventory.host import Forward, Simulation
from toolbox.lib.inventory.load import load
from toolbox.lib.inventory.project import find_root

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ27pSvqm8NYtkLO8kAIH0sWbVBoFYGD+1mvaAZxG0yd somebody"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Return a function that writes a project and returns its root."""

    def write_files(files: dict[str, str]) -> Path:
        for name, text in ({"project.yaml": "name: example\n"} | files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write_files


def findings(root: Path) -> list[str]:
    """Return the rendered findings of a project that is wrong."""
    with pytest.raises(UsageError) as caught:
        load(root)
    return [finding.render() for finding in caught.value.findings]


def test_smallest(write: Callable[[dict[str, str]], Path]) -> None:
    """A name and an empty host file are a project; everything else has a default."""
    root = write({"hosts/web.yaml": ""})
    project = load(root)
    assert (project.name, project.domain, project.root) == ("example", "example.internal", root)
    (host,) = project.hosts
    assert (host.name, host.fqdn, host.os) == ("web", "web.example.internal", "debian")
    assert host.folder == root / "hosts/web"
    assert host.sim == Simulation()
    assert host.variables == {}
    assert project.authorized_keys == ()
    assert project.subnet == IPv4Network("10.77.0.0/24")


def test_everything(write: Callable[[dict[str, str]], Path]) -> None:
    """Every key has its effect."""
    root = write(
        {
            "project.yaml": "name: p1\ndomain: lan.example.org\n"
            "variables: {color: red, web: {port: 80, tls: true}}\n"
            "sim: {subnet: 192.168.7.0/28}\n",
            "authorized_keys": f"# who\n\n{KEY}\n{KEY}\n",
            "hosts/b.yaml": "os: fcos\naddress: 2001:DB8::1\nssh_port: 2200\n",
            "hosts/a.yaml": "variables:\n  web: {port: 8080}\n  on: yes\n"
            "sim:\n  memory: 1536MiB\n  cpus: 4\n  disk: 2TiB\n  ssh_port: 2222\n"
            "  address: 192.168.7.14\n  forwards:\n    - 80\n    - {guest: 443, host: 8443}\n",
        }
    )
    project = load(root)
    a, b = project.hosts
    assert (a.fqdn, b.os) == ("a.lan.example.org", "fcos")
    assert (a.address, a.ssh_port) == ("", 22)
    assert (b.address, b.ssh_port) == ("2001:db8::1", 2200)
    assert a.variables == {"color": "red", "web": {"port": 8080, "tls": True}, "on": "yes"}
    assert b.variables == project.variables
    forwards = (Forward(None, 80), Forward(8443, 443))
    assert a.sim == Simulation(1536, 4, 2048, forwards, 2222, IPv4Address("192.168.7.14"))
    assert project.subnet == IPv4Network("192.168.7.0/28")
    assert project.authorized_keys == (KEY,)


def test_all_mistakes_at_once(write: Callable[[dict[str, str]], Path]) -> None:
    """Mistakes of all files are reported in one go, each at its place."""
    root = write(
        {
            "project.yaml": "name: Example\ndomainn: x\n",
            "authorized_keys": "hello\n",
            "hosts/web.yaml": "os: debiann\nsim:\n  memory: 2GB\n  cpu: 2\n  forwards: [70000]\n",
            "hosts/Bad_.yaml": "",
        }
    )
    assert findings(root) == [
        (
            "project.yaml:1:7: error[bad-name]: name: 'Example' is no name: it may have a-z, 0-9"
            " and - only, and - neither first nor last\n  hint: such as web-1"
        ),
        "project.yaml:2:1: error[unknown-key]: unknown key domainn\n  hint: did you mean domain?",
        (
            "authorized_keys:1:1: error[bad-key]: this line is no ssh public key\n"
            "  hint: a key is one line, such as ssh-ed25519 AAAA… name"
        ),
        (
            "hosts/Bad_.yaml: error[bad-name]: 'Bad_' is no host name: it may have a-z, 0-9 and"
            " - only, and - neither first nor last\n  hint: rename the file"
        ),
        (
            "hosts/web.yaml:1:5: error[unknown-os]: os: 'debiann' is no operating system of ours"
            " (debian, fcos)\n  hint: did you mean debian?"
        ),
        (
            "hosts/web.yaml:3:11: error[bad-size]: sim.memory: '2GB' is no size\n"
            "  hint: did you mean 2GiB?"
        ),
        "hosts/web.yaml:4:3: error[unknown-key]: unknown key cpu\n  hint: did you mean cpus?",
        (
            "hosts/web.yaml:5:14: error[bad-port]: sim.forwards.0.guest: 70000 is no port\n"
            "  hint: ports go from 1 to 65535"
        ),
    ]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("os: fcos\nos: debian\n", "2:1: error[duplicate-key]: os is given twice, first at hosts"),
        ("- a\n", "1:1: error[invalid-value]: keys with values are wanted here"),
        ("sim: 5\n", "1:6: error[invalid-value]: sim: keys with values are wanted here"),
        ("sim: {cpus: two}\n", "1:13: error[invalid-value]: sim.cpus: a whole number is wanted"),
        ("sim: {cpus: 0}\n", "1:13: error[invalid-value]: sim.cpus: input should be greater"),
        ("sim: {memory: 2}\n", "1:15: error[bad-size]: sim.memory: '2' is no size"),
        ("sim: {memory: 10MiB}\n", "1:15: error[bad-size]: sim.memory: 10MiB of memory is too"),
        ("sim: {disk: 1500MiB}\n", "1:13: error[bad-size]: sim.disk: 1500MiB are not whole GiB"),
        ("sim: {ssh_port: 0}\n", "1:17: error[bad-port]: sim.ssh_port: 0 is no port"),
        ("sim: {ssh_port: yes}\n", "1:17: error[bad-port]: sim.ssh_port: a port is wanted"),
        ("sim: {forwards: [22]}\n", "1:18: error[port-taken]: port 22 of the machine is"),
        ("sim: {forwards: [80, 80]}\n", "1:22: error[port-taken]: port 80 of the machine is"),
        ("sim: {forwards: [{host: 1}]}\n", "1:18: error[missing-key]: the key guest is missing"),
        ("sim: {forwards: [{guest: 1, udp: 1}]}\n", "1:29: error[unknown-key]: unknown key udp"),
        ("sim: {address: web}\n", "1:16: error[bad-address]: sim.address: 'web' is no IPv4"),
        ("sim: {address: 10.0.0.1}\n", "1:16: error[bad-address]: 10.0.0.1 is not in the sim"),
        ("sim: {address: 10.77.0.0}\n", "1:16: error[bad-address]: 10.77.0.0 is 10.77.0.0/24's"),
        ("sim: {subnet: 10.1.0.0/24}\n", "1:7: error[unknown-key]: unknown key subnet"),
        ("address: a_b\n", "1:10: error[bad-address]: address: 'a_b' is neither an IP address nor"),
        ("address: ''\n", "1:10: error[bad-address]: address: '' is neither an IP address nor"),
        ("variables: {HOSTNAME: x}\n", "1:13: error[reserved-name]: HOSTNAME is given to every"),
        ("variables: {a-b: x}\n", "1:13: error[bad-name]: 'a-b' is no variable name"),
        ("variables: {1: x}\n", "1:13: error[bad-name]: '1' is no variable name"),
        ("os: [\n", "2:1: error[yaml-syntax]: "),
        ("os: !x fcos\n", "1:5: error[yaml-tag]: unknown tag !x"),
        ("os: fcos\n---\nos: debian\n", "3:1: error[several-documents]: another YAML document"),
    ],
)
def test_mistake(write: Callable[[dict[str, str]], Path], host: str, expected: str) -> None:
    """Each kind of mistake is found where it was written."""
    (found,) = findings(write({"hosts/web.yaml": host}))
    assert found.startswith(f"hosts/web.yaml:{expected}")


@pytest.mark.parametrize(
    ("first", "second", "expected", "other"),
    [
        (
            "{forwards: [{guest: 80, host: 8080}]}",
            "ssh_port: 8080",
            "2:13: error[port-taken]: port 8080 is taken already by ",
            "hosts/a.yaml:1:36",
        ),
        (
            "{address: 10.77.0.5}",
            "address: 10.77.0.5",
            "2:12: error[address-taken]: address 10.77.0.5 is taken already by ",
            "hosts/a.yaml:1:16",
        ),
    ],
)
def test_two_hosts_want_the_same(
    write: Callable[[dict[str, str]], Path], first: str, second: str, expected: str, other: str
) -> None:
    """Two hosts cannot have the same port of the toolbox, or the same address; both are named."""
    (found,) = findings(
        write({"hosts/a.yaml": f"sim: {first}\n", "hosts/b.yaml": f"sim:\n  {second}\n"})
    )
    assert found.startswith(f"hosts/b.yaml:{expected}")
    assert other in found


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("10.77.0.0/33", "project.yaml:2:15: error[bad-subnet]: sim.subnet: '10.77.0.0/33' is no"),
        ("10.77.0.1/24", "project.yaml:2:15: error[bad-subnet]: sim.subnet: '10.77.0.1/24' canno"),
        ("10.77.0.0/30", "project.yaml:2:15: error[small-subnet]: 10.77.0.0/30 has addresses for"),
        ("24", "project.yaml:2:15: error[bad-subnet]: sim.subnet: '24' is no IPv4 subnet"),
    ],
)
def test_subnet(write: Callable[[dict[str, str]], Path], written: str, expected: str) -> None:
    """A subnet that is none, or has no room, is told where it was written, and only once."""
    hosts = {f"hosts/{name}.yaml": "sim: {}\n" for name in "abc"}
    (found,) = findings(write({"project.yaml": f"name: x\nsim: {{subnet: {written}}}\n", **hosts}))
    assert found.startswith(expected)


def test_unknown_key_of_the_project(write: Callable[[dict[str, str]], Path]) -> None:
    """The keys of a project's sim are not those of a host's."""
    root = write({"project.yaml": "name: x\nsim: {subnets: 1}\n", "hosts/a.yaml": ""})
    (found,) = findings(root)
    assert found.startswith("project.yaml:2:7: error[unknown-key]: unknown key subnets")
    assert "did you mean subnet?" in found


def test_host_files_that_would_be_overlooked(write: Callable[[dict[str, str]], Path]) -> None:
    """A host file with another ending, and a folder without a host file, are told."""
    root = write({"hosts/web.yml": "", "hosts/db/main.bu": "", "hosts/web.yaml": ""})
    assert [line.split(": ")[1] for line in findings(root)] == [
        "error[missing-host]",
        "error[bad-file-name]",
    ]


def test_no_hosts(write: Callable[[dict[str, str]], Path]) -> None:
    """A project without hosts says how to get one."""
    (found,) = findings(write({}))
    assert found.startswith("hosts: error[no-hosts]")


def test_no_project(tmp_path: Path) -> None:
    """A folder without project.yaml is no project."""
    assert findings(tmp_path)[0].startswith("project.yaml: error[missing-file]")


def test_not_utf8(write: Callable[[dict[str, str]], Path]) -> None:
    """A file in another encoding is a finding, not a crash."""
    root = write({"hosts/web.yaml": ""})
    (root / "hosts/web.yaml").write_bytes(b"variables: {name: J\xfcrgen}\n")
    assert findings(root)[0].startswith("hosts/web.yaml: error[not-text]: byte 19 is not UTF-8")


def test_braces_in_a_message(write: Callable[[dict[str, str]], Path]) -> None:
    """What a person wrote is never taken for a placeholder of a message."""
    (found,) = findings(write({"hosts/web.yaml": "os: '{nothing}'\n"}))
    assert "(nothing)" in found


def test_find_root(write: Callable[[dict[str, str]], Path]) -> None:
    """The nearest folder with project.yaml is the root, seen from any folder below."""
    root = write({"hosts/web.yaml": "", "hosts/web/deep/x": ""})
    assert find_root(root / "hosts/web/deep") == root
    assert find_root(root) == root


def test_find_root_outside(tmp_path: Path) -> None:
    """Outside of any project there is none."""
    assert find_root(tmp_path) is None


def test_modules(write: Callable[[dict[str, str]], Path]) -> None:
    """The project's modules come first, each once; a module is a folder, linked or deeper."""
    root = write(
        {
            "project.yaml": "name: example\nmodules: [a]\n",
            "hosts/web.yaml": "modules: [db/pg, a, link]\n",
            "hosts/db.yaml": "",
            "modules/a/a.bu": "",
            "modules/db/pg/x.bu": "",
        }
    )
    (root / "modules/link").symlink_to("a")
    assert [host.modules for host in load(root).hosts] == [("a",), ("a", "db/pg", "link")]


def test_unknown_modules(write: Callable[[dict[str, str]], Path]) -> None:
    """A module that is not there is told with its line and what may have been meant."""
    root = write(
        {
            "project.yaml": "name: example\nmodules: [x.bu]\n",
            "hosts/web.yaml": "modules:\n  - postgres\n",
            "hosts/wrong.yaml": "modules: [../hosts]\n",
            "modules/x.bu": "",
            "modules/.git/x": "",
            "modules/postgresql/a.bu": "",
        }
    )
    assert findings(root) == [
        (
            "project.yaml:2:11: error[unknown-module]: there is no folder modules/x.bu\n"
            "  hint: known here: postgresql"
        ),
        (
            "hosts/web.yaml:2:5: error[unknown-module]: there is no folder modules/postgres\n"
            "  hint: did you mean postgresql?"
        ),
        (
            "hosts/wrong.yaml:1:11: error[bad-module]: modules.0: '../hosts' is no module\n"
            "  hint: name a folder in modules/"
        ),
    ]
