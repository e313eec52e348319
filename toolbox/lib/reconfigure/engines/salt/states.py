"""A plan as Salt states: what Salt is told, and nothing that it could read another way.

Contents of files are not part of it: they lie beside it, each named by its hash. It is JSON, so no
renderer looks for expressions in a path or a name.
"""

from __future__ import annotations

import json
import posixpath
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolbox.lib.reconfigure.desire.state import LOCKED, Kind
from toolbox.lib.reconfigure.engines.salt.sources import OURS
from toolbox.lib.reconfigure.look.survey import ORIGINALS
from toolbox.lib.reconfigure.planning.plan import Change
from toolbox.lib.reconfigure.units.actions import BEFORE_FILES, Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from toolbox.lib.reconfigure.desire.blob import Blob
    from toolbox.lib.reconfigure.planning.plan import GroupChange, NodeChange, Plan, UserChange
    from toolbox.lib.reconfigure.units.actions import UnitAction

ROOT = "root"
Owner = str | int | None


@dataclass(frozen=True, slots=True)
class State:
    """One Salt state.

    Attributes:
        id: Its name, unique among all.
        function: Module and function, such as ``file.managed``.
        arguments: What it is called with.
        what: Path, user, group, unit or program, for people.
        action: What is done, for people.
        failhard: Whether nothing after it is done when it fails.
    """

    id: str
    function: str
    arguments: Mapping[str, Any]
    what: str
    action: str
    failhard: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """Where states are carried out.

    Attributes:
        root: Folder that stands for the machine's root; "" on a machine.
        blobs: Folder there with the contents of files, each named by its SHA-256.
        at: Tells where a path of the machine is.
        owner: Turns a name of a user, or of a group, into what is set; None sets none.
        systemd: Whether units are acted upon and programs are run.
        dry: Whether nothing is done, so that what a state needs of others is not there.
    """

    root: str = ""
    blobs: str = ""
    at: Callable[[str], str] = field(default=lambda path: path)
    owner: Callable[[str | int, str], Owner] = field(default=lambda name, _kind: name)
    systemd: bool = True
    dry: bool = False

    def owners(self, node: NodeChange) -> dict[str, Owner]:
        """Return the arguments that tell who owns a node."""
        named = {
            "user": self.owner(node.user, "user"),
            "group": self.owner(node.group, "group"),
        }
        # Reason: Salt takes the number 0 for no owner at all.
        return {key: value or ROOT for key, value in named.items() if value is not None}


def translate(plan: Plan, place: Place) -> tuple[State, ...]:
    """Return a plan as states, in the order in which they are to be carried out.

    Accounts come before the files that they own, and files before programs and units that read
    them; units are stopped before their files go.

    Args:
        plan: The plan.
        place: Where it is carried out.
    """
    return tuple(_ordered(plan, place))


def contents(plan: Plan) -> tuple[Blob, ...]:
    """Return what has to lie beside the states, each once."""
    return tuple(dict.fromkeys(node.contents for node in plan.nodes if node.contents is not None))


def document(states: Sequence[State], *, failhard: bool = True) -> str:
    """Return states as a file that Salt reads: JSON, named as such in its first line.

    Args:
        states: In order.
        failhard: Whether a failure may end the run; not so where nothing is done.
    """
    high = {
        state.id: {
            state.function: [
                *({key: value} for key, value in state.arguments.items()),
                {"order": number},
                {"failhard": failhard and state.failhard},
            ]
        }
        for number, state in enumerate(states, start=1)
    }
    # Reason: what is asked for by its name has to be something.
    return f"#!json\n{json.dumps(high or {OURS: {'test.nop': []}}, indent=1)}\n"


def _ordered(plan: Plan, place: Place) -> Iterator[State]:
    units = plan.units if place.systemd else ()
    yield from (_unit(action, plan) for action in units if action.verb in BEFORE_FILES)
    # Reason: as the other engine does it, whose new users get the numbers that are free then.
    yield from _users_gone(plan)
    yield from _accounts(plan, place)
    for node in plan.nodes:
        yield from _node(node, place)
    rest = [action for action in units if action.verb not in BEFORE_FILES]
    if place.systemd:
        yield from (_command(command) for command in plan.commands)
        yield from (_unit(action, plan) for action in rest if action.verb is Verb.ENABLE)
        if plan.reload:
            reload = {"name": "systemctl daemon-reload"}
            yield State("daemon-reload", "cmd.run", reload, "systemd", "daemon-reload")
    yield from (_unit(action, plan) for action in rest if action.verb is not Verb.ENABLE)
    yield from _groups_gone(plan)


def _accounts(plan: Plan, place: Place) -> Iterator[State]:
    for group in plan.groups:
        if group.change is not Change.REMOVED:
            yield from _group(group)
    for user in plan.users:
        if user.change is not Change.REMOVED:
            yield from _user(user, place)


def _users_gone(plan: Plan) -> Iterator[State]:
    for user in plan.users:
        if user.change is Change.REMOVED:
            name = user.user.name
            gone: dict[str, Any] = {"name": name, "purge": True, "force": True}
            yield State(f"user {name}", "user.absent", gone, f"user {name}", "removed")


def _groups_gone(plan: Plan) -> Iterator[State]:
    for group in plan.groups:
        if group.change is Change.REMOVED:
            name = group.group.name
            yield State(f"group {name}", "group.absent", {"name": name}, f"group {name}", "removed")


def _group(change: GroupChange) -> Iterator[State]:
    group = change.group
    what, action = f"group {group.name}", str(change.change)
    said: dict[str, Any] = {"name": group.name, "system": group.system}
    if group.gid is not None:
        said["gid"] = group.gid
    yield State(what, "group.present", said, what, action)
    if group.password is not None:
        line = f"{group.name}:{group.password.reveal() or LOCKED}"
        # Reason: on stdin, as everybody may read the words of a program.
        words = {"name": "chgpasswd -e", "stdin": line, "output_loglevel": "quiet"}
        yield State(f"password of {what}", "cmd.run", words, what, "password")


def _user(change: UserChange, place: Place) -> Iterator[State]:
    user, what, action = change.user, f"user {change.user.name}", str(change.change)
    added = change.change is Change.ADDED
    if added or set(change.reasons) - {"keys"}:
        yield State(what, "user.present", _account(change), what, action)
    if user.keys or "keys" in change.reasons:
        keys = {"name": user.name, "lines": list(user.keys or ()), "root": place.root}
        yield State(f"ssh keys of {user.name}", "infra.keys", keys, what, "keys")


def _account(change: UserChange) -> dict[str, Any]:
    user = change.user
    said: dict[str, Any] = {"name": user.name}
    if user.uid is not None:
        said |= {"uid": user.uid, "allow_uid_change": True}
    if user.primary_group is not None:
        said |= {"gid": user.primary_group, "allow_gid_change": True}
    if user.groups is not None:
        said |= {"groups": list(user.groups), "remove_groups": True}
    if user.gecos is not None:
        # Reason: Salt wants the parts by their names, and refuses commas.
        names = ("fullname", "roomnumber", "workphone", "homephone", "other")
        said |= dict(zip(names, user.gecos.split(",", len(names) - 1), strict=False))
    if user.home is not None:
        said["home"] = user.home
    if user.shell is not None:
        said["shell"] = user.shell
    added = change.change is Change.ADDED
    if user.password is not None or added:
        said["password"] = (user.password.reveal() if user.password else "") or LOCKED
    said["createhome"] = added and user.create_home
    if added:
        said |= {"system": user.system}
        if user.primary_group is None:
            said["usergroup"] = user.own_group
    return said


def _node(node: NodeChange, place: Place) -> Iterator[State]:
    path, action = place.at(node.path), str(node.change)
    if node.change is Change.REMOVED and not node.restored:
        folder = node.kind is Kind.DIRECTORY
        function = "infra.pruned" if folder else "file.absent"
        yield State(f"removal of {node.path}", function, {"name": path}, node.path, action)
        return
    if node.clear or _spelled_otherwise(node):
        gone = {"name": path}
        yield State(f"clear {node.path}", "file.absent", gone, node.path, "cleared")
    function, said = _made(node, place)
    yield State(node.path, function, {"name": path} | said, node.path, action)
    owners = place.owners(node)
    if node.kind is Kind.LINK and set(owners.values()) - {ROOT, 0}:
        # Reason: Salt compares owners of links by name, and does not know which number has which.
        given = {"file.lchown": [{"path": path, **owners}]}
        yield State(f"owner of {node.path}", "module.run", given, node.path, action)


def _made(node: NodeChange, place: Place) -> tuple[str, dict[str, Any]]:
    if node.kind is Kind.LINK:
        return "file.symlink", {"target": node.target or ""}
    if node.kind is Kind.HARD_LINK:
        if place.dry:
            return "test.succeed_with_changes", {}
        return "file.hardlink", {"target": place.at(node.target or ""), "force": True}
    said: dict[str, Any] = dict(place.owners(node))
    if node.mode is not None:
        said["mode"] = f"{node.mode:04o}"
    if node.kind is Kind.DIRECTORY:
        return "file.directory", said | {"follow_symlinks": True}
    # Reason: what differs is in the plan; Salt's own diff would show secrets.
    said |= _source(node, place) | {"show_changes": False}
    packed = node.remote is not None and node.remote.compression != ""
    return "infra.unpacked" if packed else "file.managed", said


def _source(node: NodeChange, place: Place) -> dict[str, Any]:
    if node.restored:
        return {"source": place.at(f"{ORIGINALS}{node.path}"), "skip_verify": True}
    if node.contents is not None:
        digest = node.contents.digest
        return {"source": f"{place.blobs}/{digest}", "source_hash": f"sha256={digest}"}
    if node.remote is not None:
        digest = (node.remote.hash or "").replace("-", "=", 1)
        checked = {"source_hash": digest} if digest else {"skip_verify": True}
        return {"source": node.remote.url} | checked
    return {"replace": False}


def _spelled_otherwise(node: NodeChange) -> bool:
    """Tell whether a link's target differs only in its spelling, which Salt takes for the same."""
    before = node.was.target if node.was else None
    if node.kind is not Kind.LINK or before is None or node.target is None:
        return False
    same = posixpath.normpath(before) == posixpath.normpath(node.target)
    return same and before != node.target


def _command(words: Sequence[str]) -> State:
    text = shlex.join(words)
    # Reason: a program that the machine does not have will not be there the next time either.
    said = {"name": text, "onlyif": f"command -v {shlex.quote(words[0])}"}
    return State(f"run {text}", "cmd.run", said, text, "run", failhard=False)


def _unit(action: UnitAction, plan: Plan) -> State:
    verb = str(action.verb)
    words = ["reload-or-restart" if action.verb is Verb.RELOAD else verb, "--", action.unit]
    if action.verb in {Verb.ENABLE, Verb.DISABLE} and plan.reload:
        # Reason: one reload is part of the plan; Salt's own states for services reload at each.
        words.insert(0, "--no-reload")
    said = {"name": shlex.join(("systemctl", *words))}
    if action.verb is Verb.STOP:
        # Reason: a container that does not mind SIGTERM is killed, and its unit has failed by that;
        # nobody could tell systemd to forget it once its file is gone.
        forget = shlex.join(("systemctl", "reset-failed", "--", action.unit))
        said["name"] += f" && {{ {forget} 2>/dev/null || :; }}"
    # Reason: a unit that fails keeps no other from its restart; each is told.
    return State(f"{verb} {action.unit}", "cmd.run", said, action.unit, verb, failhard=False)
