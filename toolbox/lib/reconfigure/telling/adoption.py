"""The Butane snippet that would make the source agree with what a machine holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolbox.lib.reconfigure.desire import secrecy
from toolbox.lib.reconfigure.desire.state import MASK, PRESET, UNIT_MODE, Kind
from toolbox.lib.reconfigure.planning.diff import is_text
from toolbox.lib.reconfigure.planning.plan import Change
from toolbox.lib.reconfigure.planning.switches import BY_CONFIG
from toolbox.lib.reconfigure.telling.yamltext import block, indented, word
from toolbox.lib.reconfigure.units.actions import Verb
from toolbox.lib.reconfigure.units.unitpath import DROPIN, UNIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolbox.lib.reconfigure.look.survey import Found, Survey
    from toolbox.lib.reconfigure.planning.plan import NodeChange, Plan, UserChange

HEAD = ("variant: fcos", "version: 1.6.0")
LISTS = {Kind.DIRECTORY: "directories", Kind.FILE: "files", Kind.LINK: "links"}
FIELDS = {"uid": "uid", "gecos": "gecos", "home": "home_dir", "shell": "shell"}


def snippet(plan: Plan, survey: Survey) -> str:
    """Return what would have to be said for a machine to be left as it is.

    Args:
        plan: What has to be done so that it follows its source.
        survey: What it holds.

    Returns:
        Butane, with comments where something cannot be said; "" where nothing differs.
    """
    said = _Said(survey)
    for node in plan.nodes:
        said.node(node)
    for action in plan.units:
        if action.because == BY_CONFIG and action.verb in {Verb.ENABLE, Verb.DISABLE}:
            on = "true" if action.verb is Verb.DISABLE else "false"
            said.unit(action.unit).lines.append(f"enabled: {on}")
    for user in plan.users:
        said.user(user)
    return "".join(f"{line}\n" for line in said.lines())


@dataclass(slots=True)
class _Unit:
    lines: list[str] = field(default_factory=list)
    dropins: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Said:
    survey: Survey
    storage: dict[str, list[str]] = field(default_factory=dict)
    units: dict[str, _Unit] = field(default_factory=dict)
    users: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the whole snippet."""
        if not (self.storage or self.units or self.users or self.comments):
            return
        yield from HEAD
        yield from (f"# {comment}" for comment in self.comments)
        if self.users:
            yield from ("passwd:", "  users:", *indented(self.users, 4))
        if self.storage:
            yield "storage:"
        for name in LISTS.values():
            if name in self.storage:
                yield from (f"  {name}:", *indented(self.storage[name], 4))
        if self.units:
            yield from ("systemd:", "  units:")
        for name, unit in self.units.items():
            yield from (f"    - name: {word(name)}", *indented(unit.lines, 6))
            if unit.dropins:
                yield from ("      dropins:", *indented(unit.dropins, 8))

    def unit(self, name: str) -> _Unit:
        """Return what is said of a unit."""
        return self.units.setdefault(name, _Unit())

    def node(self, change: NodeChange) -> None:
        """Say what stands at a path."""
        found = change.was
        if change.path == PRESET:
            # Reason: what it holds is said of the units.
            return
        if found is None:
            if not change.origin.startswith("folder of "):
                self.comments.append(f"{change.path} is not there: remove it from the source")
            return
        text = _text(change, found)
        unit, dropin = UNIT.fullmatch(change.path), DROPIN.fullmatch(change.path)
        if unit and found.target == MASK:
            self.unit(unit[1]).lines.append("mask: true")
        elif found.kind is None or (found.kind is Kind.FILE and text is None):
            why = "a secret" if change.secret else "not shown"
            self.comments.append(f"{change.path} differs; what it holds is {why}")
        elif unit and text is not None and found.mode == UNIT_MODE:
            self.unit(unit[1]).lines += block("contents", text)
        elif dropin and text is not None and found.mode == UNIT_MODE:
            name = change.path.rpartition("/")[2]
            lines = (f"- name: {word(name)}", *indented(block("contents", text), 2))
            self.unit(dropin[1]).dropins += lines
        else:
            item = self._item(change.path, found, text)
            self.storage.setdefault(LISTS[found.kind], []).extend(item)

    def _item(self, path: str, found: Found, text: str | None) -> Iterator[str]:
        """Yield the lines of a file, folder or link."""
        yield f"- path: {word(path)}"
        if found.kind is not Kind.DIRECTORY:
            yield "  overwrite: true"
        if found.kind is Kind.LINK:
            yield f"  target: {word(found.target or '')}"
        else:
            yield f"  mode: 0{found.mode:03o}"
        users = {account.uid: name for name, account in self.survey.accounts.items()}
        for key, number, known in (("user", found.uid, users), ("group", found.gid, self._groups)):
            name = known.get(number)
            if number:
                yield f"  {key}:"
                yield f"    name: {word(name)}" if name else f"    id: {number}"
        if text is not None:
            yield from ("  contents:", *indented(block("inline", text), 4))

    @property
    def _groups(self) -> dict[int, str]:
        return {number: name for name, number in self.survey.groups.items()}

    def user(self, change: UserChange) -> None:
        """Say what a user is."""
        account = self.survey.accounts.get(change.user.name)
        if account is None:
            comment = f"there is no user {change.user.name}: remove it from the source"
            self.comments.append(comment)
            return
        gone = change.change is Change.REMOVED
        self.users.append(f"- name: {word(account.name)}")
        for name, key in FIELDS.items():
            if name in change.reasons:
                value = getattr(account, name)
                self.users.append(f"  {key}: {value if name == 'uid' else word(value)}")
        if "primary_group" in change.reasons:
            group = self._groups.get(account.gid, str(account.gid))
            self.users.append(f"  primary_group: {word(group)}")
        if gone or "groups" in change.reasons:
            self._list("groups", account.groups)
        if gone or "keys" in change.reasons:
            self._list("ssh_authorized_keys", account.keys or ())
        if "password" in change.reasons:
            self.comments.append(f"the password of {account.name} differs; it is not shown")

    def _list(self, key: str, words: tuple[str, ...]) -> None:
        self.users.append(f"  {key}:" if words else f"  {key}: []")
        self.users += [f"    - {word(each)}" for each in words]


def _text(change: NodeChange, found: Found) -> str | None:
    """Return the text of a file; None where it must not or cannot be shown."""
    if found.kind is not Kind.FILE or found.contents is None:
        return None
    data = found.contents.reveal()
    hidden = change.secret or secrecy.is_secret(change.path, found.mode, data)
    return None if hidden or not is_text(data) else data.decode()
