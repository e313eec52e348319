"""A machine in memory: Ignition makes it, plans change it, and both ways can be compared."""

from __future__ import annotations

import json
from base64 import b64encode
from copy import deepcopy
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from toolbox.lib.reconfigure.desire import ignition
from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.desire.state import Kind
from toolbox.lib.reconfigure.history import intent, pending, record
from toolbox.lib.reconfigure.look import question
from toolbox.lib.reconfigure.look.survey import Account, Found, Survey, UnitFacts
from toolbox.lib.reconfigure.planning.decision import decide
from toolbox.lib.reconfigure.planning.plan import Change
from toolbox.lib.reconfigure.units.actions import Verb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolbox.lib.reconfigure.desire.state import DesiredState, Node
    from toolbox.lib.reconfigure.history.intent import Intent
    from toolbox.lib.reconfigure.history.record import Record
    from toolbox.lib.reconfigure.planning.plan import NodeChange, Plan

NOW = "2030-01-02T03:04:05Z"
INODES = count(1)


class RefusedError(Exception):
    """Ignition would not boot this."""


@dataclass
class Entry:
    """Something at a path."""

    kind: Kind
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    data: bytes = b""
    target: str | None = None
    inode: int = field(default_factory=lambda: next(INODES))

    def found(self, *, shown: bool = True) -> Found:
        """Return it as a survey sees it."""
        is_file = self.kind is Kind.FILE
        return Found(
            self.kind,
            self.mode,
            self.uid,
            self.gid,
            str(self.inode),
            digest=Blob(self.data).digest if is_file else None,
            target=self.target,
            contents=Blob(self.data) if is_file and shown else None,
        )


def image() -> dict[str, Entry]:
    """Return the paths that the model's image has."""
    folders = ("/etc", "/etc/systemd", "/etc/systemd/system", "/srv", "/usr", "/var", "/etc/own.d")
    tree = {path: Entry(Kind.DIRECTORY, 0o755) for path in folders}
    tree["/etc/own"] = Entry(Kind.FILE, 0o600, data=b"of the image\n")
    tree["/etc/own.d/x"] = Entry(Kind.FILE, 0o640, 0, 7, b"x\n")
    tree["/etc/own.link"] = Entry(Kind.LINK, 0o777, target="own")
    tree["/opt"] = Entry(Kind.LINK, 0o777, target="var/opt")
    return tree


@dataclass
class Machine:
    """A machine: a tree, what is remembered there, accounts, and units that are switched on."""

    tree: dict[str, Entry] = field(default_factory=image)
    record: Record | None = None
    intent: Intent | None = None
    pending: tuple[str, ...] = ()
    accounts: dict[str, Account] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=lambda: {"root": 0, "wheel": 10})
    units: dict[str, UnitFacts] = field(default_factory=dict)
    config: str = ""

    def ignite(self, desired: DesiredState) -> Machine:
        """Make it as Ignition does at a first boot."""
        for node in desired.nodes:
            self._make(node)
        self.record = record.of(desired, generation=0)
        self.config = desired.config
        return self

    def _make(self, node: Node) -> None:
        found = self.tree.get(node.path)
        if found and node.overwrite:
            self.remove(node.path)
            found = None
        if found and found.kind is Kind.LINK and node.origin.startswith("folder of "):
            return
        self._refuse(node, found)
        if node.kind is Kind.HARD_LINK:
            self.tree[node.path] = self.tree[node.target or ""]
            return
        default = {Kind.FILE: 0o644, Kind.DIRECTORY: 0o755, Kind.LINK: 0o777}[node.kind]
        entry = found or Entry(node.kind, default, target=node.target)
        if node.mode is not None:
            entry.mode = node.mode
        entry.uid = self._user(node.user, entry.uid)
        entry.gid = self._group(node.group, entry.gid)
        if node.contents is not None:
            entry.data = node.contents.reveal()
        entry.data += b"".join(blob.reveal() for blob in node.appended)
        self.tree[node.path] = entry

    def _refuse(self, node: Node, found: Entry | None) -> None:
        """Raise where Ignition would not boot."""
        parents = [it for it in self.tree if node.path.startswith(f"{it}/")]
        other = self.tree.get(node.target or "")
        is_hard = node.kind is Kind.HARD_LINK
        refused = (
            # Reason: in what is no folder, or a link of the config itself, nothing can be.
            any(self.tree[it].kind is not Kind.DIRECTORY and it != "/opt" for it in parents),
            # Reason: the folders of what is made are there by then, also those that no list names.
            node.kind is not Kind.DIRECTORY
            and any(it.startswith(f"{node.path}/") for it in self.tree),
            found is not None and found.kind is not node.kind,
            is_hard and (found is not None or other is None or other.kind is not Kind.FILE),
            node.kind is Kind.LINK and found is not None and found.target != node.target,
            node.contents is not None and found is not None,
        )
        if any(refused):
            raise RefusedError(node.path)

    def _user(self, owner: str | int | None, before: int) -> int:
        if owner is None or isinstance(owner, int):
            return before if owner is None else owner
        return 0 if owner == "root" else self.accounts[owner].uid

    def _group(self, owner: str | int | None, before: int) -> int:
        if owner is None or isinstance(owner, int):
            return before if owner is None else owner
        return self.groups[owner]

    def remove(self, path: str) -> None:
        """Remove a path with all that is in it."""
        for other in [it for it in self.tree if it == path or it.startswith(f"{path}/")]:
            del self.tree[other]

    def survey(self, desired: DesiredState, **facts: Any) -> Survey:
        """Look at it, as far as a plan needs it."""
        known = self._known()
        listed = record.listing(known).splitlines() if known else ()
        asked = {*ignition.paths(desired), *listed}
        nodes = {path: self.tree[path].found() for path in asked if path in self.tree}
        given = image()
        originals = {
            path: given[path].found() for path in asked if path in given and path[:5] == "/etc/"
        }
        whole = Survey(
            nodes=nodes,
            originals=originals,
            units=dict(self.units),
            accounts=dict(self.accounts),
            groups=dict(self.groups),
            record=known,
            pending=self.pending,
            config=self.config,
        )
        return replace(whole, **facts)

    def _known(self) -> Record | None:
        """Return what was put there, with what an apply that was cut off has put there."""
        if self.intent is None:
            return self.record
        stands = {path: entry.found().facts for path, entry in self.tree.items()}
        return intent.reached(self.intent, self.record, stands)

    def plan(self, desired: DesiredState, **facts: Any) -> Plan:
        """Decide what has to be done so that it is as desired.

        It is the same with no more known of units than what a machine is really asked for.
        """
        whole = self.survey(desired, **facts)
        said = {"now": NOW, "who": "me@here", "engine": "direct"}
        plan = decide(desired, whole, **said)
        nobody: Any = None
        with patch.object(question, "_look", partial(_answer, whole)):
            asked = question.survey(nobody, desired)
            before = decide(desired, asked, **said)
            paths = [node.path for node in before.nodes]
            more = question.readers(nobody, desired, asked, paths)
        assert decide(desired, more, **said) == plan
        return plan

    def apply(self, plan: Plan, *, steps: int | None = None) -> None:
        """Carry out a plan as an engine does, or only its first steps."""
        assert plan.record or plan.nothing
        self.pending = pending.lines(plan.pending)
        if plan.record:
            self.intent = intent.of(plan.record, plan.stood, self._known())
        for change in plan.nodes[:steps]:
            self._change(change)
        if steps is not None:
            return
        self._accounts(plan)
        for action in plan.units:
            self._act(action.unit, action.verb)
        self.record = plan.record or self.record
        self.config = self.record.config if self.record else ""
        self.pending, self.intent = (), None

    def _change(self, change: NodeChange) -> None:
        path, found = change.path, self.tree.get(change.path)
        if change.restored:
            self.remove(path)
            self.tree[path] = image()[path]
            return
        if change.change is Change.REMOVED:
            empty = not any(it.startswith(f"{path}/") for it in self.tree)
            assert found is not None, path
            if found.kind is not Kind.DIRECTORY or empty:
                del self.tree[path]
            return
        assert found is None or change.clear or found.kind is _seen(change.kind), path
        if change.clear:
            self.remove(path)
            found = None
        if change.kind is Kind.HARD_LINK:
            self.tree[path] = self.tree[change.target or ""]
            return
        fresh = Entry(change.kind, 0o777 if change.kind is Kind.LINK else 0o755)
        written = change.contents is not None or change.kind is Kind.LINK
        entry = fresh if found is None or written else found
        entry.target = change.target
        if change.mode is not None:
            entry.mode = change.mode
        entry.uid, entry.gid = self._user(change.user, 0), self._group(change.group, 0)
        if change.contents is not None:
            entry.data = change.contents.reveal()
        self.tree[path] = entry

    def _accounts(self, plan: Plan) -> None:
        for group in plan.groups:
            self.groups.pop(group.group.name, None)
            if group.group.exists:
                self.groups[group.group.name] = group.group.gid or 500
        for change in plan.users:
            user = change.user
            old = self.accounts.pop(user.name, None)
            if user.exists:
                new = old or Account(user.name, 1000, 1000, "", f"/home/{user.name}", "/bin/sh")
                self.accounts[user.name] = replace(
                    new,
                    shell=user.shell or new.shell,
                    keys=user.keys if user.keys is not None else new.keys,
                    groups=user.groups if user.groups is not None else new.groups,
                )

    def _act(self, unit: str, verb: Verb) -> None:
        facts = self.units.get(unit) or UnitFacts("loaded", "inactive", "disabled")
        active = {Verb.STOP: "inactive", Verb.START: "active", Verb.RESTART: "active"}
        enabled = {Verb.ENABLE: "enabled", Verb.DISABLE: "disabled"}
        self.units[unit] = replace(
            facts,
            active=active.get(verb, facts.active),
            enabled=enabled.get(verb, facts.enabled),
        )

    def seen(self) -> dict[str, tuple[object, ...]]:
        """Return all that can be compared with another machine."""
        names: dict[int, list[str]] = {}
        for path, entry in sorted(self.tree.items()):
            names.setdefault(entry.inode, []).append(path)
        return {
            path: (it.kind, it.mode, it.uid, it.gid, it.data, it.target, tuple(names[it.inode]))
            for path, it in self.tree.items()
        }

    def copy(self) -> Machine:
        """Return another machine like it."""
        return deepcopy(self)


def _answer(whole: Survey, *words: Any) -> Survey:
    """Return what a machine says that is asked for some units."""
    names = words[3]
    units = {
        name: facts
        for name, facts in whole.units.items()
        if any(fnmatchcase(name, pattern) for pattern in names)
    }
    absent = {name: UnitFacts("not-found", "inactive", "") for name in names if "*" not in name}
    return replace(whole, units={**absent, **units})


def _seen(kind: Kind) -> Kind:
    return Kind.FILE if kind is Kind.HARD_LINK else kind


def read(config: Mapping[str, Any], name: str = "a") -> DesiredState:
    """Return what a config of the newest version demands."""
    text = json.dumps({"ignition": {"version": "3.6.0"}, **config})
    return ignition.read(text, f"sha256-{name}")


def file(path: str, text: str | bytes | None = None, **more: Any) -> dict[str, Any]:
    """Return a file of a config."""
    data = text.encode() if isinstance(text, str) else text
    contents = {"source": f"data:;base64,{b64encode(data).decode()}"} if data is not None else {}
    return {"path": path, "contents": contents, **more}


def storage(*files: Mapping[str, Any], **lists: Any) -> dict[str, Any]:
    """Return a config with files, and other lists of its storage."""
    return {"storage": {"files": list(files), **lists}}
