"""Units, judged by ``systemd-analyze verify`` among stand-ins for those of the machine."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.butane.check import unitfile
from toolbox.lib.butane.check.root import Root
from toolbox.lib.core.errors import ProgramFailed
from toolbox.lib.core.report import Severity
from toolbox.lib.core.run import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from toolbox.lib.butane.check.units import Units
    from toolbox.lib.butane.contents import Content
    from toolbox.lib.core.report import Finding

ANALYZE = "systemd-analyze"
OPTIONS = ("--man=no", "--generators=no")
SECONDS = 30.0
SHIPPED = Path("/usr/lib/systemd")
"""Where systemd's own targets are, which order a boot; they are the same everywhere."""

BOOTED = {False: "multi-user.target", True: "default.target"}
STANDINS = {
    "service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    "socket": "[Socket]\nListenStream=/run/standin\n",
    "timer": "[Timer]\nOnBootSec=1\n",
    "path": "[Path]\nPathExists=/run/standin\n",
    "target": "",
}
"""Units that a machine may have, and no toolbox, by their types."""

TRIGGERS = ("socket", "timer", "path")
NO_ORDER = "[Unit]\nDefaultDependencies=no\n"

ON_LINE = re.compile(r"(/.+?):([0-9]+): (.*)")
OF_UNIT = re.compile(rf"([^\s/]+\.(?:{'|'.join(unitfile.TYPES)})): (.*)")
BAD = re.compile(r"Unit (\S+) has a bad unit file setting\.")
CYCLE, STEP = "Found ordering cycle", "Found dependency on"
JOB = re.compile(r"([^\s/]+)/(?:start|verify-active|stop|restart|reload)")
ORDERS = ("After", "Before", "Requires", "Wants", "BindsTo", "Requisite", "PartOf")

BROKEN = re.compile(r"Failed to initialize (?:manager|unit search paths)")
"""That it could not even begin."""

NOT_OURS = (
    # Reason: these are of the place that verifies, and not of the machine.
    re.compile(r"Command .* is not executable"),
    re.compile(r"Failed to create \S+: (?:Unit .* not found|Transaction order is cyclic)"),
    re.compile(r"Failed to create \S+: Unit .* (?:is masked|has a bad unit file setting)"),
    re.compile(r"Cannot add dependency job"),
    re.compile(r"(?:Job .* deleted|Unable) to break (?:ordering )?cycle"),
    re.compile(r".*[Ff]ailed to (?:resolve|expand) (?:unit )?specifier.*"),
)


def shipped(*, user: bool) -> frozenset[str]:
    """Return the names of units that systemd itself brings."""
    folder = SHIPPED / ("user" if user else "system")
    return frozenset(path.name for path in folder.glob("*.*"))


def judge(units: Units, folder: Path, *, newer: bool) -> tuple[Finding, ...]:
    """Let systemd judge units.

    Args:
        units: Units that see each other.
        folder: Private and empty.
        newer: Whether the machine may have a newer systemd, which knows more settings.

    Raises:
        ProgramMissing: There is no systemd-analyze.
        ProgramFailed: It cannot look at any unit here.
        DeadlineError: It does not end.
    """
    names = sorted(name for name, content in units.defined.items() if content.is_text)
    if not names and not units.dropins:
        return ()
    root = _populated(units, folder)
    asked = sorted({*names, *(units.dropins.keys() - units.defined.keys()), BOOTED[units.user]})
    asked = [name for name in asked if name.rpartition(".")[2] in unitfile.TYPES]
    # Reason: for units of persons there is no --root.
    scope = ["--user"] if units.user else [f"--root={folder}"]
    given = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "SYSTEMD_LOG_LEVEL": "info"}
    if units.user:
        paths = (f"{folder}/etc/systemd/user", f"{folder}/usr/lib/systemd/user")
        given["SYSTEMD_UNIT_PATH"] = ":".join(paths)
    result = run(
        [ANALYZE, *scope, "verify", *OPTIONS, "--", *asked],
        env=given,
        timeout=SECONDS,
        check=False,
    )
    said = result.stderr.decode(errors="replace").splitlines()
    broken = next(filter(BROKEN.match, said), None)
    if broken:
        message = f"{ANALYZE} says: {broken}"
        raise ProgramFailed(message, result)
    return tuple(_Reader(units, root, newer).findings(said))


def _populated(units: Units, folder: Path) -> Root:
    """Write units, systemd's own targets and stand-ins for all others that are named."""
    kind = "user" if units.user else "system"
    own, vendor = f"/etc/systemd/{kind}", f"/usr/lib/systemd/{kind}"
    root = Root(folder)
    for name, content in units.defined.items():
        if content.is_text:
            root.put(content, f"{vendor if name in units.generated else own}/{name}")
    for name, parts in units.dropins.items():
        for part in parts:
            root.put(part, f"{own}/{name}.d/{part.path.rpartition('/')[2]}")
    for path, target in (*units.links.items(), *_wants(units)):
        root.link(f"{own}/{path}", target)
    for name, text in _targets(SHIPPED / kind).items():
        _stand_in(root, f"{vendor}/{name}", text)
    for name in dict.fromkeys(_named(units)):
        for path, text in _standins(name):
            _stand_in(root, f"{vendor}/{path}", text)
    return root


@cache
def _targets(folder: Path) -> Mapping[str, str]:
    """Return the targets that systemd brings, links to others not among them."""
    files = (path for path in sorted(folder.glob("*.target")) if not path.is_symlink())
    return {path.name: path.read_text(errors="replace") for path in files if path.is_file()}


def _wants(units: Units) -> Iterator[tuple[str, str]]:
    """Yield the links that enabling units makes, with their targets."""
    for name in units.defined:
        stated = units.stated.get(name)
        if name in units.generated or (stated and stated.enabled):
            for wanted in units.installed_in(name):
                if "/" not in wanted and "%" not in wanted:
                    yield f"{wanted}.wants/{name}", f"../{name}"


def _stand_in(root: Root, path: str, text: str) -> None:
    names = (path, path.replace("/usr/lib/", "/etc/"))
    if not any(map(root.holds, names)):
        root.write(path, text.encode())


def _named(units: Units) -> Iterator[str]:
    """Yield the names of units that others name."""
    for name in {*units.defined, *units.dropins}:
        if name not in units.defined:
            yield name
        for entry in units.entries(name):
            yield from unitfile.NAME.findall(entry.value)
    yield BOOTED[units.user]


def _standins(name: str) -> Iterator[tuple[str, str]]:
    """Yield stand-ins for a unit, and for what it starts."""
    stem, _, kind = name.rpartition(".")
    if kind == "mount":
        where = _unescaped(stem)
        yield name, f"{NO_ORDER}[Mount]\nWhat=tmpfs\nWhere={where}\n"
    elif kind in STANDINS and stem:
        yield name, NO_ORDER + STANDINS[kind]
        if kind in TRIGGERS:
            yield f"{stem}.service", NO_ORDER + STANDINS["service"]


def _unescaped(stem: str) -> str:
    path = stem.replace("-", "/") if stem != "-" else ""
    return "/" + re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), path)


@dataclass(slots=True)
class _Reader:
    """Makes findings of what systemd says."""

    units: Units
    root: Root
    newer: bool
    refused: set[str] = field(default_factory=set)

    def findings(self, said: Iterable[str]) -> Iterator[Finding]:
        """Yield what is said, each once."""
        lines = list(dict.fromkeys(_joined(said)))
        self.refused = {found[1] for found in map(BAD.fullmatch, lines) if found}
        cycles: set[frozenset[str]] = set()
        for line in lines:
            placed, named = ON_LINE.fullmatch(line), OF_UNIT.fullmatch(line)
            message = placed[3] if placed else named[2] if named else ""
            if not message or any(theirs.match(message) for theirs in NOT_OURS):
                continue
            if placed:
                yield from self._on_line(placed[1], int(placed[2]), message)
            elif named and message.startswith(CYCLE):
                members = [named[1], *JOB.findall(message)]
                ours = frozenset(name for name in members if name in self._ours())
                if ours and ours not in cycles:
                    cycles.add(ours)
                    yield self._cycle(members, ours)
            elif named and named[1] in self._ours():
                yield from self._of_unit(named[1], message)

    def _ours(self) -> frozenset[str]:
        return frozenset(self.units.defined)

    def _on_line(self, path: str, line: int, message: str) -> Iterator[Finding]:
        content = self.root.content(path)
        if content is None:
            return
        folder, _, file = path.rpartition("/")
        unit = file if file in self.units.defined else folder.rpartition("/")[2]
        unit = unit.removesuffix(".d")
        fatal = "gnoring" not in message and unit in self.refused and unit in self._ours()
        said = message.replace(str(self.root.folder), "").rstrip(".")
        code, severity = ("unit-refused", Severity.ERROR) if fatal else _IGNORED
        hint = None
        if self.newer and "Unknown " in message:
            hint = "a newer systemd than the one here may know it"
        yield content.at(line).finding(code, said, hint, severity)

    def _of_unit(self, name: str, message: str) -> Iterator[Finding]:
        fatal = "Refusing" in message or name in self.refused
        said = message.replace(str(self.root.folder), "").removesuffix(" Refusing.").rstrip(".")
        code, severity = ("unit-refused", Severity.ERROR) if fatal else _IGNORED
        parts = [self.units.defined.get(name), *self.units.dropins.get(name, ())]
        for part in filter(None, parts):
            for entry in unitfile.entries(part.text):
                if f"{entry.key}=" in message:
                    yield part.at(entry.line).finding(code, said, None, severity)
                    return
        content = next(filter(None, parts), None)
        if content:
            section = name.rpartition(".")[2].capitalize()
            line = unitfile.section_line(content.text, section) or 1
            yield content.at(line).finding(code, said, None, severity)

    def _cycle(self, members: list[str], ours: frozenset[str]) -> Finding:
        order = sorted(set(members))
        message = f"these units wait for each other: {', '.join(order)}"
        hint = "remove one of the settings After= and Before= between them"
        if any(name.endswith(".target") for name in order):
            hint += ", or set DefaultDependencies=no"
        for name in sorted(ours):
            found = self._order(name, frozenset(order) - {name})
            if found:
                content, line = found
                return content.at(line).finding("ordering-cycle", message, hint)
        content = self.units.defined[min(ours)]
        return content.at(1).finding("ordering-cycle", message, hint)

    def _order(self, name: str, others: frozenset[str]) -> tuple[Content, int] | None:
        """Return the setting by which a unit waits for others."""
        parts = [self.units.defined[name], *self.units.dropins.get(name, ())]
        for part in parts:
            for entry in unitfile.entries(part.text):
                if entry.key in ORDERS and others & set(entry.value.split()):
                    return part, entry.line
        return None


_IGNORED = ("unit-ignored", Severity.WARNING)


def _joined(said: Iterable[str]) -> Iterator[str]:
    """Yield lines, those about one cycle as one."""
    held = ""
    for line in said:
        text = line.strip()
        if held and STEP in text:
            held += f" {text.partition(STEP)[2]}"
            continue
        if held:
            yield held
        held = text if CYCLE in text else ""
        if not held:
            yield text
    if held:
        yield held
