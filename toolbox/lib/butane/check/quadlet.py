"""Quadlets, judged by podman's own generator, which makes units of them at boot."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from toolbox.lib.butane.check import unitfile
from toolbox.lib.butane.check.root import Root
from toolbox.lib.core.report import Severity
from toolbox.lib.core.run import run, which

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from toolbox.lib.butane.contents import Content
    from toolbox.lib.core.report import Finding

GENERATORS = (
    "/usr/libexec/podman/quadlet",
    "/usr/lib/podman/quadlet",
    "/usr/lib/systemd/system-generators/podman-system-generator",
)
"""Names of podman's generator on Debian and Fedora."""

SUFFIXES = (".container", ".kube", ".pod", ".volume", ".network", ".image", ".build")
SYSTEM = ("/etc/containers/systemd", "/usr/share/containers/systemd", "/run/containers/systemd")
USERS = "users"
HOME = "/.config/containers/systemd"
SECONDS = 30.0
REFUSED = 1
"""Exit code when it makes no unit of some of them."""

ROUNDS = 25
"""The generator tells one mistake of each file at a time."""

PREFIX = re.compile(r"^quadlet-generator\[\d+\]: ", re.MULTILINE)
NO_LINE = re.compile(r'error loading "(.+?)", file contains line (\d+): “(.*?)” which is not')
UNLOADED = re.compile(r'error loading "(.+?)", (?!file contains line \d+: “)(.*)')
CONVERTING = re.compile(r'converting "(.+?)": (.*)')
UNKNOWN_KEY = re.compile(r"unsupported key '(.*)' in group '(.*)' in (.*)")
SHORT_IMAGE = re.compile(r"Warning: (\S.*?) specifies the image \"(.*?)\" which not a fully")
DEPENDENCY = re.compile(
    r"^(?:Wants|Requires|Requisite|BindsTo|PartOf|Upholds|Conflicts|Before|After)=.*$", re.MULTILINE
)
MADE = re.compile(r"^---(.+)---$", re.MULTILINE)
SHORT_WORD = 3


@dataclass(frozen=True, slots=True)
class Generated:
    """A unit that the generator makes.

    Attributes:
        name: Its name.
        text: What it holds.
        quadlet: What it is made from.
        user: Whether it is one of a person's own units.
    """

    name: str
    text: str = field(repr=False)
    quadlet: Content
    user: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """What the generator says.

    Attributes:
        findings: What is wrong.
        units: What it makes.
    """

    findings: tuple[Finding, ...]
    units: tuple[Generated, ...]


def generator() -> str | None:
    """Return where podman's generator is, or None."""
    return next((name for name in GENERATORS if which(name)), None)


def groups(files: Mapping[str, Content]) -> dict[str, tuple[Content, ...]]:
    """Return the quadlets of the system, under an empty name, and of persons, by their folders."""
    found: dict[str, list[Content]] = {}
    for path, content in files.items():
        top = folder_of(path)
        if top is not None and content.is_text:
            found.setdefault(top, []).append(content)
    everybodys = [content for top in found for content in found[top] if top.endswith(f"/{USERS}")]
    return {
        top: tuple(dict.fromkeys([*own, *(everybodys if top else ())]))
        for top, own in found.items()
        if any(_is_quadlet(content.path) for content in own)
    }


def folder_of(path: str) -> str | None:
    """Return the folder of quadlets that a path is in: empty for the system's, None for none."""
    clean = posixpath.normpath(path)
    home, found, rest = clean.partition(f"{HOME}/")
    if found and rest:
        return f"{home}{HOME}"
    for top in SYSTEM:
        if not clean.startswith(f"{top}/"):
            continue
        below = clean.removeprefix(f"{top}/").split("/")
        if below[0] != USERS:
            return ""
        uid = below[1] if len(below) > 2 and below[1].isdecimal() else ""  # noqa: PLR2004
        return "/".join(filter(None, (top, USERS, uid)))
    return None


def _is_quadlet(path: str) -> bool:
    return path.endswith(SUFFIXES)


def judge(files: Sequence[Content], folder: Path, *, user: bool, newer: bool) -> Judged:
    """Let the generator judge quadlets that see each other.

    Args:
        files: The quadlets, their drop-ins, and what lies beside them.
        folder: Private and empty.
        user: Whether they are those of a person.
        newer: Whether the machine may have a newer podman, which knows more keys.

    Raises:
        ProgramMissing: There is no generator.
        ProgramFailed: It fails otherwise than by refusing quadlets.
        DeadlineError: It does not end.
    """
    judge_of = _Judge(Root(folder), user, newer, {content.path: content for content in files})
    for content in files:
        judge_of.root.put(content)
    return judge_of.judged()


@dataclass(slots=True)
class _Judge:
    root: Root
    user: bool
    newer: bool
    files: Mapping[str, Content]
    findings: list[Finding] = field(default_factory=list)
    _told: set[str] = field(default_factory=set)

    def judged(self) -> Judged:
        """Ask the generator until it has nothing new to say."""
        made = b""
        for _ in range(ROUNDS):
            result = run(
                [generator() or GENERATORS[0], "-dryrun", *(["-user"] if self.user else [])],
                env={"QUADLET_UNIT_DIRS": self._folders()},
                timeout=SECONDS,
                ok=(0, REFUSED),
            )
            made = result.stdout
            if not self._learn(PREFIX.sub("", result.stderr.decode(errors="replace"))):
                break
        units = tuple(self._units(made.decode(errors="replace")))
        return Judged(tuple(self.findings), _linked(units) if self.newer else units)

    def _folders(self) -> str:
        tops = dict.fromkeys(
            str(self.root.real(posixpath.dirname(path))) for path in self.files if _is_quadlet(path)
        )
        return os.pathsep.join(tops)

    def _learn(self, said: str) -> bool:
        """Note what is said; return whether the files were changed, so that more may be said."""
        changed = False
        for path, line, text in NO_LINE.findall(said):
            content = self.root.content(path)
            if content and self._new(f"{path}:{line}"):
                message = f"{text.strip()} is neither a section, a setting nor a comment"
                self._note(content, int(line), "quadlet-syntax", message)
                changed |= self._blank(content, int(line))
        for path, reason in UNLOADED.findall(said):
            content = self.root.content(path)
            if content and self._new(f"{path}:{reason}"):
                self._note(content, None, "quadlet-syntax", f"podman cannot read it: {reason}")
                changed |= self.root.write(content.path, b"")
        for name, reason in CONVERTING.findall(said):
            if self._new(f"{name}:{reason}"):
                changed |= self._conversion(name, reason)
        for name, image in SHORT_IMAGE.findall(said):
            if self._new(f"{name}:{image}"):
                self._short(name, image)
        return changed

    def _new(self, said: str) -> bool:
        known = said in self._told
        self._told.add(said)
        return not known

    def _conversion(self, name: str, reason: str) -> bool:
        content = self._named(name)
        if content is None:
            return False
        unknown = UNKNOWN_KEY.fullmatch(reason)
        if unknown is None:
            found, line = self._blamed(content, reason)
            clean = reason.replace(f"{self.root.folder}/", "/")
            self._note(found, line, "quadlet-refused", f"podman makes no unit of it: {clean}")
            return False
        key, section = unknown[1], unknown[2]
        for file in (content, *self._dropins(content)):
            for entry in unitfile.entries(self._now(file)):
                if (entry.key, entry.section) == (key, section):
                    message = f"podman knows no {key} in [{section}], and makes no unit of it"
                    self._unknown(file, entry.line, message)
                    # Reason: the same key on another line would be told in the same words.
                    self._told.discard(f"{name}:{reason}")
                    return self._blank(file, entry.line)
        return False

    def _unknown(self, content: Content, line: int, message: str) -> None:
        hint, severity = None, Severity.ERROR
        if self.newer:
            severity = Severity.WARNING
            hint = "a newer podman than the one here may know it"
        self._note(content, line, "quadlet-unknown-key", message, hint, severity)

    def _short(self, name: str, image: str) -> None:
        content = self._named(name)
        if content:
            message = f"the image {image} has no registry in its name"
            hint = f"such as docker.io/library/{image}" if "/" not in image else None
            found, line = self._blamed(content, f"Image {image}")
            self._note(found, line, "short-image", message, hint, Severity.WARNING)

    def _named(self, name: str) -> Content | None:
        """Return the quadlet of a name."""
        files = (path for path in self.files if posixpath.basename(path) == name)
        return next((self.files[path] for path in files), None)

    def _dropins(self, content: Content) -> Iterator[Content]:
        folder = f"{posixpath.basename(content.path)}.d"
        for path, file in sorted(self.files.items()):
            if posixpath.basename(posixpath.dirname(path)) == folder and path.endswith(".conf"):
                yield file

    def _blamed(self, content: Content, reason: str) -> tuple[Content, int | None]:
        """Return the file and line that a sentence about a quadlet is most likely about."""
        files = (content, *self._dropins(content))
        best: tuple[int, Content, int] | None = None
        for file in files:
            for entry in unitfile.entries(self._now(file)):
                score = _score(entry, reason)
                if score and (best is None or score > best[0]):
                    best = (score, file, entry.line)
        if best:
            return best[1], best[2]
        section = posixpath.splitext(content.path)[1].lstrip(".").capitalize()
        return content, unitfile.section_line(content.text, section) or 1

    def _now(self, content: Content) -> str:
        return self.root.real(content.path).read_bytes().decode(errors="replace")

    def _blank(self, content: Content, line: int) -> bool:
        """Take a line, and those that continue it, out of what the generator sees."""
        lines = self.root.real(content.path).read_bytes().split(b"\n")
        if not 1 <= line <= len(lines):
            return False
        goes_on = True
        while goes_on and line <= len(lines):
            goes_on = lines[line - 1].rstrip().endswith(b"\\")
            lines[line - 1] = b""
            line += 1
        return self.root.write(content.path, b"\n".join(lines))

    def _note(  # noqa: PLR0913 - the parts of a finding
        self,
        content: Content,
        line: int | None,
        code: str,
        message: str,
        hint: str | None = None,
        severity: Severity = Severity.ERROR,
    ) -> None:
        self.findings.append(content.at(line).finding(code, message, hint, severity))

    def _units(self, said: str) -> Iterator[Generated]:
        parts = MADE.split(said)
        for name, text in zip(parts[1::2], parts[2::2], strict=False):
            sources = unitfile.words(unitfile.entries(text), "SourcePath")
            content = self.root.content(" ".join(sources))
            if content:
                yield Generated(name, text.strip("\n") + "\n", content, self.user)


def _linked(units: Sequence[Generated]) -> tuple[Generated, ...]:
    """Return units that depend on others by the names of units, as a newer podman makes them."""
    names = {posixpath.basename(unit.quadlet.path): unit.name for unit in units}

    def renamed(line: re.Match[str]) -> str:
        return re.sub(r"[^\s=]+", lambda word: names.get(word[0], word[0]), line[0])

    return tuple(replace(unit, text=DEPENDENCY.sub(renamed, unit.text)) for unit in units)


def _score(entry: unitfile.Entry, reason: str) -> int:
    """Return how likely a sentence is about a setting; 0 where it is not."""
    named = re.search(rf"(?<![\w-]){re.escape(entry.key)}(?![\w-])", reason) is not None
    valued = any(
        len(word) >= SHORT_WORD and word in reason for word in re.split(r"[\s:,]+", entry.value)
    )
    return 2 * named + valued
