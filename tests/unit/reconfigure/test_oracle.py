"""A folder that is brought to a config holds what Ignition's own program makes of the config."""

from __future__ import annotations

import json
import shutil
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.unit.reconfigure.conftest import tree
from toolbox.lib.core.run import run
from toolbox.lib.reconfigure.desire import ignition
from toolbox.lib.reconfigure.engines.direct import Direct
from toolbox.lib.reconfigure.look import question
from toolbox.lib.reconfigure.planning.decision import decide

if TYPE_CHECKING:
    from conftest import Site

    from toolbox.lib.reconfigure.session.shell import Session

GOLDEN = sorted(Path(__file__).parents[2].glob("golden/butane/*/expected.ign"))
NAMES = st.text(st.sampled_from("ab.é '\"$\\-%"), min_size=1, max_size=4).filter(
    lambda name: not name.startswith(".")
)
FOLDERS = st.sampled_from(["/etc", "/srv", "/opt/deep/er", "/etc/systemd/system"])
BYTES = st.binary(max_size=200)
MODES = st.one_of(st.none(), st.integers(0, 0o7777))
OWNERS = st.one_of(st.none(), st.integers(0, 70000))


def _source(data: bytes) -> dict[str, str]:
    return {"source": f"data:;base64,{b64encode(data).decode()}"}


def _said(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


@st.composite
def _entry(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Return something at a path, and the list that it stands in."""
    user, group = draw(OWNERS), draw(OWNERS)
    common = _said(
        path=f"{draw(FOLDERS)}/{draw(NAMES)}",
        user=None if user is None else {"id": user},
        group=None if group is None else {"id": group},
    )
    kind = draw(st.sampled_from(["files", "directories", "links", "hard"]))
    if kind == "files":
        data, more = draw(st.one_of(st.none(), BYTES)), draw(st.lists(BYTES, max_size=2))
        fields = _said(mode=draw(MODES), contents=None if data is None else _source(data))
        fields |= {"append": [_source(part) for part in more]} if more else {}
        return kind, common | fields
    if kind == "directories":
        return kind, common | _said(mode=draw(MODES))
    if kind == "links":
        return kind, common | {"target": draw(st.sampled_from(["x", "../y z", "/none"]))}
    return "links", {"path": common["path"], "hard": True, "target": ""}


@st.composite
def _config(draw: st.DrawFn) -> dict[str, Any]:
    """Return a config that Ignition takes."""
    entries = draw(st.lists(_entry(), max_size=6, unique_by=lambda entry: entry[1]["path"]))
    storage: dict[str, list[dict[str, Any]]] = {}
    plain = [entry["path"] for kind, entry in entries if kind == "files"]
    for kind, entry in entries:
        if entry.get("hard"):
            assume(plain)
            entry["target"] = plain[0]
        storage.setdefault(kind, []).append(entry)
    units = [
        _said(
            name=f"{name}.service",
            enabled=draw(st.sampled_from([None, True])),
            mask=draw(st.sampled_from([None, True])),
            contents=draw(st.sampled_from([None, "[Service]\nExecStart=/x\n"])),
            dropins=draw(st.sampled_from([None, [{"name": "1.conf", "contents": "[Unit]\n"}]])),
        )
        for name in draw(st.lists(st.sampled_from("xyz"), max_size=2, unique=True))
    ]
    return {
        "ignition": {"version": "3.6.0"},
        "storage": storage,
        "systemd": {"units": units},
    }


def _ignited(text: str, root: Path) -> bool:
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    command = ["ignition-apply", "--root", str(root), "--offline", "--ignore-unsupported", "-"]
    return run(command, stdin=text, timeout=60, check=False).ok


def _brought(session: Session, text: str) -> None:
    desired = ignition.read(text, "sha256-x")
    survey = question.survey(session, desired)
    plan = decide(desired, survey, now="2026", who="me", engine="direct")
    assert not [item for item in plan.findings if item.severity == "error"]
    if plan.record is not None:
        report = Direct(session, before=survey.record).apply(plan)
        assert report.ok, report.done


def _without_people(text: str) -> str:
    """Return a config without users, whom an empty folder cannot have."""
    config = json.loads(text)
    config.pop("passwd", None)
    for entries in config.get("storage", {}).values():
        for entry in entries if isinstance(entries, list) else ():
            entry.pop("user", None)
            entry.pop("group", None)
    return json.dumps(config)


@pytest.mark.needs("ignition-apply")
@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.parent.name)
def test_golden(site: Site, tmp_path: Path, path: Path) -> None:
    """The configs that golden templates become."""
    text = _without_people(path.read_text())
    assert _ignited(text, tmp_path / "ignited")

    with site.session() as session:
        _brought(session, text)

    assert site.tree() == tree(tmp_path / "ignited")


@pytest.mark.needs("ignition-apply")
@pytest.mark.parametrize("after", [{"contents": {"source": "data:,x"}, "mode": 384}, {}])
def test_hard_link_becomes_file(site: Site, tmp_path: Path, after: dict[str, Any]) -> None:
    """A hard link that becomes a file is one of its own, with the same bytes as well."""
    file = {"path": "/srv/f", "mode": 384, "contents": {"source": "data:,x"}}
    link = {"path": "/srv/h", "target": "/srv/f", "hard": True}
    head = {"ignition": {"version": "3.6.0"}}
    parted = json.dumps(head | {"storage": {"files": [file, {"path": "/srv/h", **after}]}})
    assert _ignited(parted, tmp_path / "ignited")

    with site.session() as session:
        _brought(session, json.dumps(head | {"storage": {"files": [file], "links": [link]}}))
        _brought(session, parted)

    assert site.tree() == tree(tmp_path / "ignited")


@pytest.mark.needs("ignition-apply")
@pytest.mark.timeout(900)
@pytest.mark.needs("root")
def test_generated(site: Site, tmp_path: Path) -> None:
    """Generated configs, each reached from nothing, and then from the one before."""
    seen: list[str] = ['{"ignition": {"version": "3.6.0"}}']
    with site.session() as session:

        @settings(
            max_examples=150,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        )
        @given(_config())
        def law(config: dict[str, Any]) -> None:
            text = json.dumps(config)
            assume(_ignited(text, tmp_path / "ignited"))
            for item in site.root.iterdir():
                shutil.rmtree(item)
            _brought(session, text)
            assert site.tree() == tree(tmp_path / "ignited")
            seen.append(text)

        law()

    assert len(seen) > 50
