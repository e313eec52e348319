"""A folder that stands for a machine, and changes of it."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.reconfigure.desire import ignition
from toolbox.lib.reconfigure.engines.direct import Direct
from toolbox.lib.reconfigure.history import record as records
from toolbox.lib.reconfigure.look import question
from toolbox.lib.reconfigure.planning.decision import decide
from toolbox.lib.reconfigure.session.shell import local

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toolbox.lib.reconfigure.desire.state import DesiredState
    from toolbox.lib.reconfigure.engines.contract import ChangeReport
    from toolbox.lib.reconfigure.planning.plan import Plan
    from toolbox.lib.reconfigure.session.shell import Session

NOW = "2026-11-28T12:00:00Z"
OURS = ("/var/lib/infra-toolbox", "/etc/infra-toolbox")


@dataclass(frozen=True)
class Site:
    """A folder that stands for a machine's root."""

    root: Path

    @contextmanager
    def session(self, **environment: str) -> Iterator[Session]:
        """Open a session for it."""
        with local(self.root, environment=environment) as session:
            yield session

    def plan(self, session: Session, desired: DesiredState) -> Plan:
        """Look, and decide."""
        survey = question.survey(session, desired)
        return decide(desired, survey, now=NOW, who="me@here", engine="direct")

    def bring(self, config: dict[str, Any], **environment: str) -> ChangeReport | None:
        """Bring it to a config; None where there was nothing to do."""
        desired = state(config)
        with self.session(**environment) as session:
            survey = question.survey(session, desired)
            plan = decide(desired, survey, now=NOW, who="me@here", engine="direct")
            assert not [item.message for item in plan.findings if item.severity == "error"]
            if plan.record is None:
                return None
            kept = records.keepsakes(desired)
            return Direct(session, before=survey.record, keepsakes=kept).apply(plan)

    def tree(self) -> dict[str, tuple[object, ...]]:
        """Return all that is in it, but for our own records."""
        return tree(self.root)

    @staticmethod
    def state(config: dict[str, Any]) -> DesiredState:
        """Return what a config demands."""
        return state(config)

    def left(self) -> list[str]:
        """Return what a change that ended must not leave."""
        odd = ("*.tmp", "intent*", "pending", "lock", "undo")
        return sorted(str(path) for kind in odd for path in self.root.rglob(kind))


def state(config: dict[str, Any]) -> DesiredState:
    """Return what a config demands."""
    text = json.dumps({"ignition": {"version": "3.6.0"}, **config})
    return ignition.read(text, f"sha256-{abs(hash(text)):064x}")


def tree(root: Path) -> dict[str, tuple[object, ...]]:
    """Return all that is below a folder, but for our own records."""
    found: dict[str, tuple[object, ...]] = {}
    inodes: dict[int, str] = {}
    for base, folders, files in os.walk(root):
        for name in sorted((*folders, *files)):
            path = os.path.join(base, name)  # noqa: PTH118 - names need not be text
            shown = path.removeprefix(str(root))
            facts = os.lstat(path)
            if shown.startswith(OURS):
                continue
            inode = inodes.setdefault(facts.st_ino, shown)
            what: object = None
            if os.path.islink(path):  # noqa: PTH114
                what = os.readlink(path)  # noqa: PTH115
            elif os.path.isfile(path):  # noqa: PTH113
                with open(path, "rb") as file:  # noqa: PTH123
                    what = file.read()
            mode = oct(facts.st_mode)
            found[shown] = (mode, facts.st_uid, facts.st_gid, what, inode if what else "")
    for parent in ("/var/lib", "/var"):
        # Reason: they may be there for our records alone.
        if not any(path.startswith(f"{parent}/") for path in found):
            found.pop(parent, None)
    if not any(path.startswith("/etc/") for path in found):
        found.pop("/etc", None)
    return found


@pytest.fixture
def site(tmp_path: Path, habitat: Path) -> Site:
    """An empty folder; what is held for it in memory is in the test's own place."""
    assert habitat.is_dir()
    root = tmp_path / "root"
    root.mkdir()
    return Site(root)
