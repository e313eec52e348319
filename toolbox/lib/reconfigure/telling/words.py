"""A plan in words for people, and as data for programs; neither shows a secret."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from toolbox.lib.reconfigure.desire.state import Kind
from toolbox.lib.reconfigure.planning.diff import SECRET, is_text
from toolbox.lib.reconfigure.planning.plan import Change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolbox.lib.reconfigure.planning.plan import GroupChange, NodeChange, Plan, UserChange
    from toolbox.lib.reconfigure.units.actions import UnitAction

SIGNS = {Change.ADDED: "+", Change.CHANGED: "~", Change.REMOVED: "-"}
MOST_REASONS = 3


def lines(plan: Plan, *, diffs: bool = True) -> list[str]:
    """Return a plan in lines, nothing for one that does nothing and has nothing to say.

    Args:
        plan: The plan.
        diffs: Whether texts that change are shown.
    """
    return list(_lines(plan, diffs=diffs))


def _lines(plan: Plan, *, diffs: bool) -> Iterator[str]:
    for group in plan.groups:
        yield f"{SIGNS[group.change]} group {group.group.name}{_listed(group)}"
    for user in plan.users:
        yield f"{SIGNS[user.change]} user {user.user.name}{_listed(user)}"
    for node in plan.nodes:
        yield f"{SIGNS[node.change]} {_quoted(node.path)}  {_facts(node)}"
        yield from (f"    {_quoted(line)}" for line in node.diff.splitlines() if diffs)
    yield from _effects(plan)
    yield from _warnings(plan)


def _effects(plan: Plan) -> Iterator[str]:
    for command in plan.commands:
        yield f"! {shlex.join(command)}"
    if plan.reload:
        yield "! systemctl daemon-reload"
    for action in plan.units:
        yield f"! {action.verb} {action.unit}{_because(action)}"


def _warnings(plan: Plan) -> Iterator[str]:
    for name in plan.provisioning:
        yield f"? {name} differs, and takes effect at a first boot only: needs re-provisioning"
    for reason in plan.risky:
        yield f"? taken back unless a new connection confirms it: {_quoted(reason)}"
    for finding in plan.findings:
        yield finding.render()


def _listed(change: UserChange | GroupChange) -> str:
    return f"  {', '.join(change.reasons).replace('_', ' ')}" if change.reasons else ""


def _facts(node: NodeChange) -> str:
    """Return what is to say about a path, on one line."""
    words: list[str] = [node.kind.value]
    if node.clear and node.was:
        before = node.was.kind.value if node.was.kind else "device"
        # Reason: only what it shares with another one is cleared of a file for a file.
        before = Kind.HARD_LINK.value if node.was.kind is node.kind else before
        words = [f"{before} becomes {node.kind.value}"]
    if node.target is not None:
        words.append(f"to {_quoted(node.target)}")
    if node.mode is not None and node.change is not Change.REMOVED:
        words.append(f"{node.mode:04o}")
    if node.restored:
        words.append("as in the image")
    elif node.change is Change.CHANGED and not node.clear:
        words.append(f"({', '.join(node.reasons)})")
    return " ".join([*words, *_contents(node)])


def _contents(node: NodeChange) -> Iterator[str]:
    """Yield what is to say about contents that are not shown."""
    if node.remote is not None:
        yield f"from {node.remote.url.partition('?')[0]}"
    shown = node.change is not Change.CHANGED or "contents" in node.reasons
    if node.secret and node.kind is Kind.FILE and shown:
        yield SECRET
    elif node.contents is not None and not node.diff and node.contents.size:
        kind = "" if is_text(node.contents.reveal()) else "binary, "
        yield f"({kind}{node.contents.size} bytes)"


def _because(action: UnitAction) -> str:
    if not action.because:
        return ""
    shown = [_quoted(reason) for reason in action.because[:MOST_REASONS]]
    more = len(action.because) - len(shown)
    return f"  ({', '.join(shown)}{f' and {more} more' if more else ''})"


def _quoted(text: str) -> str:
    """Return a text that does nothing to a terminal."""
    printable = (part if part.isprintable() or part == "\t" else ascii(part)[1:-1] for part in text)
    return "".join(printable)


def as_json(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON data, without any contents that are secret."""
    return {
        "nodes": [_node(node) for node in plan.nodes],
        "users": [
            {"name": it.user.name, "change": it.change.value, "reasons": list(it.reasons)}
            for it in plan.users
        ],
        "groups": [
            {"name": it.group.name, "change": it.change.value, "reasons": list(it.reasons)}
            for it in plan.groups
        ],
        "units": [
            {"unit": it.unit, "verb": it.verb.value, "because": list(it.because)}
            for it in plan.units
        ],
        "commands": [list(command) for command in plan.commands],
        "reload": plan.reload,
        "provisioning": list(plan.provisioning),
        "risky": list(plan.risky),
        "findings": [finding.as_dict() for finding in plan.findings],
        "base": plan.base,
    }


def _node(node: NodeChange) -> dict[str, Any]:
    public = node.contents is not None and not node.secret
    return {
        "path": node.path,
        "change": node.change.value,
        "kind": node.kind.value,
        "origin": node.origin,
        "mode": None if node.mode is None else f"{node.mode:04o}",
        "user": node.user,
        "group": node.group,
        "target": node.target,
        "sha256": node.contents.digest if public and node.contents else None,
        "size": node.contents.size if node.contents else None,
        "was": node.was.kind.value if node.was and node.was.kind else None,
        "restored": node.restored,
        "secret": node.secret,
        "reasons": list(node.reasons),
        "diff": node.diff,
    }
