"""The engine salt, by a real Salt in folders that stand for machines."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.desire.ignition import read
from toolbox.lib.reconfigure.desire.state import Kind
from toolbox.lib.reconfigure.engines.direct import Direct
from toolbox.lib.reconfigure.engines.salt import bundle, call
from toolbox.lib.reconfigure.engines.salt.engine import Salt
from toolbox.lib.reconfigure.engines.salt.sources import Sources
from toolbox.lib.reconfigure.history.record import Record
from toolbox.lib.reconfigure.look import question
from toolbox.lib.reconfigure.planning.decision import decide
from toolbox.lib.reconfigure.planning.plan import Change, NodeChange, Plan
from toolbox.lib.reconfigure.session import shell as sessions
from toolbox.lib.reconfigure.session.shell import local

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolbox.lib.reconfigure.engines.contract import ChangeReport

OURS = ("/etc/infra-toolbox", "/var/lib/infra-toolbox")
GOLDEN = Path(__file__).parents[4] / "golden/butane"
needs = pytest.mark.needs
# Reason: each run of Salt takes a second here, and many of them where others work.
pytestmark = pytest.mark.timeout(600)


def data(content: bytes) -> str:
    """Return a URL of bytes."""
    return f"data:;base64,{base64.b64encode(content).decode()}"


def file(path: str, content: bytes = b"", **more: Any) -> dict[str, Any]:
    """Return a file of a config."""
    return {"path": path, "overwrite": True, "contents": {"source": data(content)}, **more}


def config(**parts: Any) -> str:
    """Return a config, with a setuid bit that counts."""
    return json.dumps({"ignition": {"version": "3.6.0"}, **parts})


HARD = config(
    storage={
        "directories": [{"path": "/srv/a b", "mode": 0o1777, "user": {"id": 33}}],
        "files": [
            file("/srv/a b/{{ grains.id }} {% raw \"' é", b"{{ grains.id }}\n{% if"),
            file("/srv/binary", bytes(range(256)), mode=0o600),
            file("/srv/suid", b"x", mode=0o4755, user={"id": 33}, group={"id": 44}),
            file("/srv/deep/er/empty"),
            {"path": "/srv/nothing"},
            {
                "path": "/srv/packed",
                "contents": {"source": data(gzip.compress(b"text")), "compression": "gzip"},
                "append": [{"source": data(b"more")}, {"source": data(b"\xff")}],
            },
            file("/srv/tree/.hidden", b"*"),
            file("/srv/folder/inside", b"*"),
            file("/srv/one", b"same", mode=0o600),
        ],
        "links": [
            {"path": "/srv/link", "target": "..//{{ nothing }}", "user": {"id": 33}},
            {"path": "/srv/hard", "target": "/srv/suid", "hard": True},
            {"path": "/srv/same", "target": "/srv/one", "hard": True},
            {"path": "/srv/silent", "target": "/srv/one", "hard": True},
        ],
    },
    systemd={
        "units": [
            {"name": "a.service", "enabled": True, "contents": "[Unit]\n"},
            {"name": "c.service", "mask": True},
            {"name": "d.service", "dropins": [{"name": "10.conf", "contents": "[Unit]\n# {{\n"}]},
        ]
    },
)
OTHER = config(
    storage={
        "files": [
            file("/srv/binary", b"\x00", mode=0o644),
            file("/srv/link", b"a file now"),
            file("/srv/folder", b"a file now", overwrite=False),
            file("/srv/one", b"same", mode=0o600),
            file("/srv/same", b"same", mode=0o600),
            {"path": "/srv/silent"},
            file("/srv/hard", b"alone now", mode=0o2711, user={"id": 0}, group={"id": 0}),
        ],
        "links": [{"path": "/srv/suid", "target": "/nowhere", "overwrite": True}],
    },
    systemd={"units": [{"name": "c.service", "contents": "[Unit]\n", "mask": False}]},
)
EMPTY = config()


@pytest.fixture
def root(tmp_path: Path, habitat: Path) -> Path:
    """Return an empty folder; what is held for it in memory is in the test's own place."""
    assert habitat.is_dir()
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def bring(root: Path, text: str) -> ChangeReport | None:
    """Bring a folder to a config by Salt; None where there was nothing to do."""
    desired = read(text, f"sha256-{abs(hash(text)):064x}")
    with local(root) as shell:
        found = question.survey(shell, desired)
        plan = decide(desired, found, now="2026-11-28T12:00:00Z", who="me@here", engine="salt")
        assert not [item.message for item in plan.findings if item.severity == "error"]
        if plan.nothing:
            return None
        return Salt(Direct(shell, before=found.record)).apply(plan)


def tree(root: Path) -> dict[str, tuple[object, ...]]:
    """Return all that is in a folder, but for our own records."""
    found: dict[str, tuple[object, ...]] = {}
    names: dict[int, str] = {}
    for path in sorted(root.rglob("*")):
        shown = f"/{path.relative_to(root)}"
        if shown.startswith(OURS) or shown in {"/var", "/var/lib"}:
            continue
        facts = path.lstat()
        what: object = path.readlink() if path.is_symlink() else None
        what = path.read_bytes() if path.is_file() and not path.is_symlink() else what
        first = names.setdefault(facts.st_ino, shown)
        found[shown] = (oct(facts.st_mode), facts.st_uid, facts.st_gid, what, first)
    return found


def ignited(root: Path, text: str, apply: str) -> dict[str, tuple[object, ...]]:
    """Return what Ignition itself makes of a config in a folder."""
    (root / "etc").mkdir(parents=True)
    done = subprocess.run(
        [apply, "--root", str(root), "--ignore-unsupported", "-"],
        input=text.encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return tree(root)


@needs("salt-call", "ignition-apply", "root")
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(HARD, id="all kinds"),
        *(
            pytest.param((GOLDEN / name / "expected.ign").read_text(), id=name)
            for name in ("template", "layers")
        ),
    ],
)
def test_salt_makes_what_ignition_makes(
    root: Path, tmp_path: Path, program: Callable[[str], str], text: str
) -> None:
    """In an empty folder both give the same files, modes, owners and links."""
    (root / "etc").mkdir()
    report = bring(root, text)
    assert report is not None
    assert [item for item in report.done if not item.ok] == []
    assert tree(root) == ignited(tmp_path / "ignited", text, program("ignition-apply"))


@needs("salt-call")
@needs("root")
def test_another_config_and_back_leaves_nothing(root: Path) -> None:
    """Kinds, bytes, modes and owners change and go again; a second time there is nothing to do."""
    (root / "etc").mkdir()
    before = tree(root)
    for text in (HARD, OTHER):
        report = bring(root, text)
        assert report is not None
        assert report.ok, report.done
        assert bring(root, text) is None
    fresh = root.parent / "fresh"
    (fresh / "etc").mkdir(parents=True)
    bring(fresh, OTHER)
    assert tree(root) == tree(fresh)
    report = bring(root, EMPTY)
    assert report is not None
    assert report.generation == 3
    assert tree(root) == before


def plan_of(*nodes: NodeChange, **more: Any) -> Plan:
    """Return a plan of a machine that remembers nothing."""
    return Plan(nodes=nodes, record=Record(0, "sha256-x", engine="salt"), **more)


NEW = NodeChange("/etc/x", Change.ADDED, Kind.FILE, mode=0o600, contents=Blob(b"hush"), secret=True)
ETC = NodeChange("/etc", Change.ADDED, Kind.DIRECTORY, mode=0o755)
BAD = NodeChange("/etc/x/y", Change.ADDED, Kind.FILE, mode=0o600, contents=Blob(b"hush"))


@needs("salt-call")
def test_a_preview_changes_nothing(root: Path) -> None:
    """What would be done is told for each state, and nothing is there afterwards."""
    with local(root) as shell:
        done = Salt(Direct(shell)).preview(plan_of(ETC, NEW))
    assert [(item.what, item.ok) for item in done] == [("/etc", True), ("/etc/x", True)]
    assert all(item.message for item in done)
    assert tree(root) == {}


def test_a_new_record_alone_needs_no_salt(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing but what is remembered changes, no Salt is started, as it would refuse."""
    monkeypatch.setattr(bundle, "which", lambda _name: None)
    with local(root) as shell:
        engine = Salt(Direct(shell))
        assert engine.preview(plan_of()) == ()
        report = engine.apply(plan_of())
    assert report.ok
    assert (root / "var/lib/infra-toolbox/record.json").exists()


@needs("salt-call")
def test_what_fails_is_told_and_finished_the_next_time(root: Path, habitat: Path) -> None:
    """A state that fails ends the change, which leaves its intent and no secret behind."""
    with local(root) as shell:
        report = Salt(Direct(shell)).apply(plan_of(ETC, NEW, BAD))
        assert not report.ok
        assert [item.what for item in report.done if not item.ok] == ["/etc/x/y"]
        assert (root / "var/lib/infra-toolbox/intent").exists()
        assert not (root / "var/lib/infra-toolbox/record.json").exists()
        left = [path for path in habitat.rglob("*") if path.is_file()]
        assert not [path for path in left if b"hush" in path.read_bytes()]
        assert Salt(Direct(shell)).apply(plan_of(ETC, NEW)).ok
    assert not (root / "var/lib/infra-toolbox/intent").exists()


@needs("salt-call")
def test_what_a_killed_salt_left_is_removed(root: Path) -> None:
    """A file that was not whole goes with the next change."""
    (root / "etc").mkdir()
    (root / "etc" / call.TEMPORARY).write_text("half")
    with local(root) as shell:
        assert Salt(Direct(shell)).apply(plan_of(NEW)).ok
    assert {path.name for path in (root / "etc").iterdir()} == {"x", "infra-toolbox"}


@needs("salt-call")
@needs("root")
@pytest.mark.parametrize("seconds", ["0.05", "1.2"])
def test_a_killed_salt_is_finished_by_the_next_change(
    root: Path, fake: Callable[[str, str], Path], program: Callable[[str], str], seconds: str
) -> None:
    """Wherever Salt is killed, another change makes what a whole one makes, and leaves nothing."""
    (root / "etc").mkdir()
    real = Path(program("salt-call")).resolve().parent / "python"
    fake("python", f'exec timeout -s KILL {seconds} {real} "$@"')
    link = fake("salt-call", "")
    assert bring(root, HARD) is not None
    link.unlink()
    assert (again := bring(root, HARD)) is None or again.ok
    fresh = root.parent / "fresh"
    (fresh / "etc").mkdir(parents=True)
    bring(fresh, HARD)
    assert tree(root) == tree(fresh)
    assert list(root.rglob("*infra-toolbox.tmp")) == []


@needs("salt-call")
def test_own_states_are_run_where_a_plan_has_nothing(root: Path, tmp_path: Path) -> None:
    """They come after those of the plan, may require them, and are told by their functions."""
    text = "{{ 'FOLDER' }}/made:\n  file.managed:\n    - require:\n      - sls: infra-toolbox\n"
    own = Sources(("mine",), {"mine.sls": text.replace("FOLDER", str(tmp_path)).encode()})
    with local(root) as shell:
        memory = shell.run('printf %s "$RUN"').stdout.decode()
        # Reason: a folder has no states of its own, so it passes for a machine.
        shell.root, shell.name = "", "web"
        engine = Salt(Direct(shell), own)
        assert engine.always
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sessions, "RUN", memory)
            patch.setattr(bundle, "start", lambda _session: bundle.here())
            assert [item.ok for item in engine.preview(Plan())] == [True]
            report = engine.apply(Plan())
    made = tmp_path / "made"
    assert [(item.what, item.action) for item in report.done] == [(str(made), "file.managed")]
    assert made.is_file()
