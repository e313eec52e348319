"""host.plan, host.apply, butane.apply and their kin as a person calls them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.butane.bootstrap import PlaceFile
from toolbox.lib.pki import standin
from toolbox.lib.reconfigure.change import Prospect
from toolbox.lib.reconfigure.desire.state import DesiredState, Kind
from toolbox.lib.reconfigure.engines.contract import ChangeReport, Done
from toolbox.lib.reconfigure.history.generations import Generation
from toolbox.lib.reconfigure.history.record import Placed, Record
from toolbox.lib.reconfigure.look.survey import Found, Survey
from toolbox.lib.reconfigure.planning.plan import Change, NodeChange, Plan
from toolbox.lib.reconfigure.units.actions import UnitAction, Verb
from toolbox.lib.simulation import keys, reach, reconfigure
from toolbox.lib.simulation.reach import Reached, Target
from toolbox.lib.simulation.reconfigure import Rendered, Returned
from toolbox.lib.transport.ssh import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BUTANE = """\
variant: fcos
version: 1.6.0
storage:
  files:
    - path: /etc/motd
      contents:
        inline: hello
"""
MOTD = NodeChange(
    "/etc/motd",
    Change.CHANGED,
    Kind.FILE,
    mode=0o644,
    was=Found(Kind.FILE, 0o600, 0, 0),
    reasons=("mode",),
)
RESTART = UnitAction("web.service", Verb.RESTART, ("/etc/motd",))
THEN = Record(2, "sha256-old", nodes={"/etc/motd": Placed("file", mode=0o644)})
CHANGING = Plan((MOTD,), units=(RESTART,), base=2, record=Record(3, "sha256-new"))


class World:
    """Machines that are in no place but this test.

    Attributes:
        plans: What has to be done to each host's machine.
        addresses: Those that are real machines.
        survey: What each holds.
        place: Files of their place.
        applied: What was applied.
    """

    def __init__(self) -> None:
        self.plans: dict[str, Plan] = {}
        self.addresses: dict[str, str] = {}
        self.survey = Survey(record=THEN)
        self.place: tuple[PlaceFile, ...] = ()
        self.applied: list[tuple[str, str, str]] = []

    @contextmanager
    def reached(self, _project: Any, hosts: Any, *, named: bool) -> Iterator[Any]:
        """Reach those hosts that have a plan."""
        del named
        yield tuple(self._machine(host) for host in hosts if host.name in self.plans)

    def _machine(self, host: Any) -> Reached:
        address = self.addresses.get(host.name, "127.0.0.1")
        simulated = host.name not in self.addresses
        target = Target(
            host,
            Endpoint(host.name, address, 22, "k"),
            standin.identity([host.name]),
            self.place,
            simulated=simulated,
        )
        session: Any = SimpleNamespace(name=host.name)
        vault: Any = None
        states = (host.folder / "salt", host.folder.parent.parent / "salt")
        return Reached(target, session, vault, vault, states)

    def prospects(self, machines: Any, _configs: Any, _engine: str) -> tuple[Prospect, ...]:
        """Return what has to be done."""
        desired = DesiredState("sha256-new")
        return tuple(
            Prospect(machine.name, desired, self.survey, self.plans[machine.name])
            for machine in machines
        )

    def apply(self, _project: Any, pairs: Any, engine: str, check: str) -> Any:
        """Remember what is applied."""
        self.applied += [(machine.name, engine, check) for machine, _ in pairs]
        done = (Done("/etc/motd", "changed"), Done("web.service", "restart", seconds=0.1))
        return tuple(ChangeReport(engine, done, 3, seconds=1.234) for _ in pairs)

    def roll_back(self, _project: Any, machine: Any, number: int, engine: str) -> Returned:
        """Remember where a machine is brought back to."""
        self.applied.append((machine.name, engine, str(number)))
        (seen,) = self.prospects([machine], None, engine)
        return Returned(seen, ChangeReport(engine, (Done("/etc/motd", "changed"),), 4))


@pytest.fixture
def world(folder: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return the machines of a project of two hosts, whose configs are not looked at."""
    (folder / "hosts/web").mkdir(parents=True)
    (folder / "project.yaml").write_text("name: example\n")
    (folder / "hosts/web.yaml").write_text("")
    (folder / "hosts/db.yaml").write_text("")
    (folder / "hosts/web/main.bu").write_text(BUTANE)
    made = World()
    monkeypatch.setattr(reach, "reached", made.reached)
    for name in ("prospects", "apply", "roll_back"):
        monkeypatch.setattr(reconfigure, name, getattr(made, name))
    monkeypatch.setattr(reconfigure, "rendered", lambda *_: Rendered({}, ()))
    monkeypatch.setattr(keys, "held", lambda _project: standin.identity(["web", "db"]))
    monkeypatch.delenv("CI", raising=False)
    return made


def test_plan(invoke: Callable[..., Any], world: World) -> None:
    """What would change stands on stdout, for each machine, and nothing is changed."""
    world.plans = {"web": CHANGING, "db": Plan(base=1)}

    ended = invoke("host.plan")

    assert ended.code == 0
    assert ended.out.splitlines() == [
        "db (simulated)",
        "  nothing to do",
        "web (simulated)",
        "  ~ /etc/motd  file 0644 (mode)",
        "  ! restart web.service  (/etc/motd)",
    ]
    assert "next: invoke host.apply web" in ended.err
    assert world.applied == []


@pytest.mark.parametrize(
    ("plan", "detailed", "code"),
    [(CHANGING, True, 2), (CHANGING, False, 0), (Plan(), True, 0), (Plan(), False, 0)],
)
def test_detailed_exitcode(
    invoke: Callable[..., Any], world: World, plan: Plan, code: int, *, detailed: bool
) -> None:
    """Whether anything would change is told by the exit code to who asks for it."""
    world.plans = {"web": plan}
    words = ["--detailed-exitcode"] if detailed else []

    ended = invoke("host.plan", "web", "--json", *words)

    (item,) = json.loads(ended.out)["items"]
    assert ended.code == code
    assert item["nothing"] == (plan is not CHANGING)
    assert [node["path"] for node in item["nodes"]] == [node.path for node in plan.nodes]


def test_plan_by_salt(
    invoke: Callable[..., Any], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Salt says that it would do stands behind the plan."""
    world.plans = {"web": CHANGING}
    said = (Done("/etc/motd", "would change", message="mode\nmay be different"),)
    monkeypatch.setattr(reconfigure, "previews", lambda pairs: tuple(said for _ in pairs))

    ended, data = (
        invoke("host.plan", "--engine=salt"),
        invoke("host.plan", "--engine=salt", "--json"),
    )

    assert ended.out.splitlines()[-1] == "  salt: /etc/motd: would change, mode"
    assert json.loads(data.out)["items"][0]["salt"][0]["what"] == "/etc/motd"
    assert invoke("host.plan", "--engine=puppet").code == 2


@pytest.mark.parametrize(("engine", "applied"), [("salt", True), ("direct", False)])
def test_own_states(
    invoke: Callable[..., Any], world: World, folder: Path, engine: str, *, applied: bool
) -> None:
    """A project's own states are for Salt to judge, though nothing of the config differs."""
    world.plans = {"web": Plan(base=2)}
    (folder / "salt").mkdir()
    (folder / "salt/more.sls").write_text("x: test.nop\n")

    assert invoke("host.apply", "web", "--engine", engine).code == 0
    assert bool(world.applied) == applied


@pytest.mark.usefixtures("world")
def test_detailed_exitcode_of_a_mistake(invoke: Callable[..., Any]) -> None:
    """A mistake, whose code is else the same, is told from a change."""
    assert invoke("host.plan", "wbe").code == 2
    ended = invoke("host.plan", "wbe", "--detailed-exitcode")
    assert ended.code == 1
    assert "did you mean web?" in ended.err


def test_apply(invoke: Callable[..., Any], world: World) -> None:
    """Only machines that differ are changed; what was done is told."""
    world.plans = {"web": CHANGING, "db": Plan(base=1)}

    ended = invoke("host.apply", "--check", "true")

    assert ended.code == 0
    assert world.applied == [("web", "direct", "true")]
    assert ended.out.splitlines() == [
        "db (simulated): nothing to do, generation 2",
        "web (simulated): 2 things done by direct in 1.2 s, generation 3",
    ]
    assert "web: ~ /etc/motd  file 0644 (mode)" in ended.err


def test_apply_json(invoke: Callable[..., Any], world: World) -> None:
    """What was done is data."""
    world.plans = {"web": CHANGING}

    data = json.loads(invoke("host.apply", "web", "--engine", "salt", "--json").out)

    (item,) = data["items"]
    assert (item["action"], item["engine"], item["generation"]) == ("changed", "salt", 3)
    assert [done["what"] for done in item["done"]] == ["/etc/motd", "web.service"]


def test_apply_nothing(invoke: Callable[..., Any], world: World) -> None:
    """Where nothing differs nothing is done."""
    world.plans = {"web": Plan(base=2)}

    assert invoke("host.apply").code == 0
    assert world.applied == []


@pytest.mark.parametrize(("words", "code"), [([], 3), (["--yes"], 0), (["--engine", "ansible"], 2)])
def test_real_machines(
    invoke: Callable[..., Any], world: World, words: list[str], code: int
) -> None:
    """A real machine is changed only when somebody agreed; an engine must be known."""
    world.plans, world.addresses = {"web": CHANGING}, {"web": "192.0.2.7"}

    ended = invoke("host.apply", "web", *words)

    assert ended.code == code
    assert bool(world.applied) == (code == 0)
    assert code or ended.out.startswith("web (192.0.2.7): 2 things done")


def test_real_machines_in_continuous_integration(
    invoke: Callable[..., Any], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody sits, the variable of such places agrees."""
    monkeypatch.setenv("CI", "true")
    world.plans, world.addresses = {"web": CHANGING}, {"web": "192.0.2.7"}

    assert invoke("host.apply", "web").code == 0


def test_status(invoke: Callable[..., Any], world: World) -> None:
    """What differs from what was put there makes the task fail."""
    world.plans = {"web": CHANGING}
    world.survey = replace(world.survey, nodes={"/etc/motd": Found(Kind.FILE, 0o600, 0, 0)})

    ended, data = invoke("host.status"), invoke("host.status", "--json")

    assert (ended.code, data.code) == (1, 1)
    assert "web: /etc/motd  mode" in ended.out
    assert "host.apply web" in ended.err
    (item,) = json.loads(data.out)["items"]
    assert item["drift"] == [{"what": "/etc/motd", "reasons": ["mode"], "secret": False}]
    assert (item["generation"], item["current"]) == (2, False)


def test_status_of_what_is_well(invoke: Callable[..., Any], world: World) -> None:
    """A machine as it was left is well, and so is one that remembers nothing."""
    world.plans = {"web": Plan()}
    world.survey = Survey(
        nodes={"/etc/motd": Found(Kind.FILE, 0o644, 0, 0)},
        record=replace(THEN, config="sha256-new"),
    )
    ended = invoke("host.status")
    assert (ended.code, ended.out.splitlines()[-1].split()) == (
        0,
        ["web", "simulated", "2", "yes", "none"],
    )

    world.survey = Survey()
    assert invoke("host.status").code == 0


def test_status_of_the_place(invoke: Callable[..., Any], world: World) -> None:
    """What a simulation itself keeps up to date was changed by nobody's hand."""
    world.plans, world.place = {"web": Plan()}, (PlaceFile("/etc/motd", "x"),)
    world.survey = replace(world.survey, nodes={"/etc/motd": Found(Kind.FILE, 0o600, 0, 0)})
    assert invoke("host.status").code == 0

    world.plans = {"web": CHANGING}
    assert invoke("host.status").code == 1


def test_adopt(invoke: Callable[..., Any], world: World) -> None:
    """What differs is printed as Butane, for one host."""
    world.plans = {"web": CHANGING}

    ended = invoke("host.adopt", "web")

    assert ended.code == 0
    assert ended.out.startswith("variant: fcos\n")
    assert "/etc/motd differs" in ended.out
    assert json.loads(invoke("host.adopt", "web", "--json").out)["items"][0]["butane"] == ended.out
    assert invoke("host.adopt").code == 2


def test_adopt_nothing(invoke: Callable[..., Any], world: World) -> None:
    """Where nothing differs there is nothing to print."""
    world.plans = {"web": Plan()}

    ended = invoke("host.adopt", "web")

    assert (ended.code, ended.out) == (0, "")


@pytest.fixture
def past(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return machines that remember two generations."""
    first = Record(0, "sha256-0123456789abcdef")
    known = (
        Generation(first, current=False),
        Generation(THEN, current=True),
    )
    monkeypatch.setattr(reconfigure, "histories", lambda machines: tuple(known for _ in machines))
    return world


def test_history(invoke: Callable[..., Any], past: World) -> None:
    """Each generation is listed, the present one marked."""
    past.plans = {"web": Plan()}

    ended, data = invoke("host.history"), invoke("host.history", "web", "--json")

    assert [line.split()[:3] for line in ended.out.splitlines()[2:]] == [
        ["web", "0", "first"],
        ["web", "2", "now"],
    ]
    items = json.loads(data.out)["items"]
    assert [(item["generation"], item["current"]) for item in items] == [(0, False), (2, True)]


@pytest.mark.parametrize(
    ("words", "number"),
    [(["web"], "0"), (["web", "--to", "2"], "2"), (["web", "2"], "2"), (["web", "--to=0"], "0")],
)
def test_rollback(invoke: Callable[..., Any], past: World, words: list[str], number: str) -> None:
    """A machine is brought back to the generation that is named, or the one before."""
    past.plans = {"web": CHANGING}

    ended = invoke("host.rollback", *words)

    assert ended.code == 0
    assert past.applied == [("web", "direct", number)]
    assert f"as generation {number}: now generation 4" in ended.err


def test_rollback_of_nothing(
    invoke: Callable[..., Any], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that was nothing else before cannot go back; one of several must be named."""
    world.plans = {"web": CHANGING}
    known = (Generation(THEN, current=True),)
    monkeypatch.setattr(reconfigure, "histories", lambda _machines: (known,))

    assert invoke("host.rollback", "web").code == 2
    assert invoke("host.rollback").code == 2
    assert world.applied == []
