"""What Butane and ignition-validate complain of, and where in a config it is.

Both print a line for each entry of their reports, with the path of the value it is about. A config
that is no YAML, or holds values of the wrong kind, gets lines of another form from their parsers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from toolbox.lib.core.report import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.document import Place

ENTRY = re.compile(
    r"(?P<severity>error|warning|info)(?: at \$(?P<path>[^,:\s]*))?"
    r"(?:, line (?P<line>[0-9]+) col (?P<column>[0-9]+))?: (?P<message>.*)"
)
FAILURE = "Error translating config: "
YAML_ENTRY = re.compile(r"(?:.*yaml: )?\s*line (?P<line>[0-9]+): (?P<message>.*)")
NO_TRANSLATOR = re.compile(r"No translator exists for variant (\S*) with version (\S*)")
NO_SEMVER = "error parsing version; must be a valid semver"
REMOVED = re.compile(r"(\w+) variant has been removed; (.*)")
MISSING = re.compile(r"error parsing (variant|version); must be specified")
NO_FILE = re.compile(r"(?:open|stat|lstat) (.*): no such file or directory")
KINDS = re.compile(r"cannot unmarshal !!(\w+)(?: `(.*)`)? into (\S+)")
TWICE = re.compile(r'mapping key "(.*)" already defined at line ([0-9]+)')

TEXT_KIND = re.compile(
    r"\w+\.(?:SSHAuthorizedKey|Group|Device|KernelArgument|NoProxyItem|\w+Option)"
)
"""Types of Butane's that are texts."""

GO_KINDS = {"bool": "true or false", "int": "a whole number", "string": "a text"}
YAML_KINDS = {"map": "a mapping", "seq": "a list"}
HINTS = (
    ("incorrectly specified in decimal", "write it with a leading zero, such as 0644"),
    ("remember to add a leading zero", "write it with a leading zero, such as 0644"),
    ("path not absolute", "begin it with /"),
    ("has no install section", "add an [Install] section, or leave enabled out"),
    ("invalid url scheme", "such as https: or data:; a text belongs into inline"),
    ("\ufeff", "an invisible byte order mark (U+FEFF) stands in it: type it anew"),
    ("local file paths are relative", "name their folder: --files-dir DIR"),
)
HEAD = "begin with variant: fcos and version: 1.6.0"
VERSIONS = {
    "fcos": "1.0.0 to 1.7.0, 1.8.0-experimental",
    "flatcar": "1.0.0, 1.1.0, 1.2.0-experimental",
    "openshift": "4.8.0 to 4.22.0, 4.23.0-experimental",
    "r4e": "1.0.0, 1.1.0, 1.2.0-experimental",
    "fiot": "1.0.0, 1.1.0-experimental",
}
"""The versions of each variant that Butane 0.29 knows."""


class Places(Protocol):
    """Where the pieces of a config were written."""

    def value(self, path: str) -> Place | None:
        """Return the place of the value at a path, or of the nearest one around it."""

    def key(self, path: str) -> Place | None:
        """Return the place of the key at a path, or of the nearest value around it."""

    def line(self, number: int) -> Place | None:
        """Return the place of what is on a line of the config, counted from 1."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """One complaint.

    Attributes:
        severity: How bad it is.
        code: Its kind.
        message: What is wrong.
        hint: What to do.
        path: Of the value, such as ``storage.files.0.mode``; empty for the whole config.
        line: Of the config that was read, for where there is nothing at the path.
        about_key: Whether it is about the key of the value.
    """

    severity: Severity
    code: str
    message: str
    hint: str | None = None
    path: str = ""
    line: int | None = None
    about_key: bool = False

    def place(self, places: Places, whole: Place) -> Place:
        """Return where it was written.

        Args:
            places: The pieces of the config.
            whole: The config as a whole.
        """
        found = None
        if self.path:
            found = places.key(self.path) if self.about_key else places.value(self.path)
        if found is None and self.line is not None:
            found = places.line(self.line)
        # Reason: what was merged of nothing was written nowhere.
        return found if found and found.file else whole

    def finding(self, places: Places, whole: Place) -> Finding:
        """Return it with its place."""
        place = self.place(places, whole)
        return place.finding(self.code, self.message, self.hint, self.severity)


def read(said: str) -> list[Complaint]:
    """Return the complaints in what a program said, each once."""
    return list(dict.fromkeys(_read(said.splitlines())))


def _read(lines: Sequence[str]) -> Iterator[Complaint]:
    for line in lines:
        entry = ENTRY.fullmatch(line)
        if entry:
            yield _entry(entry)
            continue
        text = line.removeprefix(FAILURE)
        yaml = YAML_ENTRY.fullmatch(text)
        translator = NO_TRANSLATOR.fullmatch(text)
        missing, removed = MISSING.fullmatch(text), REMOVED.fullmatch(text)
        if yaml:
            yield _yaml(yaml)
        elif translator:
            yield _unknown_version(translator[1], translator[2])
        elif missing:
            message = f"the key {missing[1]} is missing"
            yield Complaint(Severity.ERROR, f"missing-{missing[1]}", message, HEAD, line=1)
        elif removed:
            message = f"Butane knows no variant {removed[1]} any more"
            yield Complaint(Severity.ERROR, "unknown-variant", message, removed[2], "variant")
        elif text == NO_SEMVER:
            # Reason: Butane says so of a version that is missing, too.
            message = "the key version is missing, or is no version"
            hint = "such as version: 1.6.0"
            yield Complaint(Severity.ERROR, "bad-version", message, hint, "version", line=1)


def _entry(entry: re.Match[str]) -> Complaint:
    message = entry["message"]
    unused = message.startswith("unused key")
    hint = next((hint for said, hint in HINTS if said in message), None)
    code = "unknown-key" if unused else "butane"
    missing = NO_FILE.fullmatch(message)
    if missing:
        code, message = "missing-local", f"there is no {missing[1]}"
        hint = "local files are looked for in the folder of --files-dir"
    return Complaint(
        severity=Severity(entry["severity"]),
        code=code,
        message=message,
        hint=hint,
        path=_snake(entry["path"] or "").strip("."),
        about_key=unused,
    )


def _yaml(entry: re.Match[str]) -> Complaint:
    line, message = int(entry["line"]), entry["message"]
    kinds, twice = KINDS.fullmatch(message), TWICE.fullmatch(message)
    if twice:
        message = f"{twice[1]} is given twice, first on line {twice[2]}"
        hint = "remove one of them"
        return Complaint(Severity.ERROR, "duplicate-key", message, hint, line=line)
    if kinds:
        given = kinds[2] if kinds[2] is not None else YAML_KINDS.get(kinds[1], kinds[1])
        return Complaint(
            Severity.ERROR, "wrong-kind", f"{given} is not {_wanted(kinds[3])}", line=line
        )
    return Complaint(Severity.ERROR, "yaml-syntax", message, line=line)


def _wanted(kind: str) -> str:
    """Return in words what Go wanted to have."""
    if kind.startswith("[]"):
        return "a list"
    return GO_KINDS["string"] if TEXT_KIND.fullmatch(kind) else GO_KINDS.get(kind, "a mapping")


def _unknown_version(variant: str, version: str) -> Complaint:
    known = VERSIONS.get(variant)
    message = f"Butane knows no variant {variant} of version {version}"
    if known:
        hint = f"versions of {variant}: {known}"
        return Complaint(Severity.ERROR, "unknown-version", message, hint, path="version")
    hint = f"variants: {', '.join(VERSIONS)}"
    return Complaint(Severity.ERROR, "unknown-variant", message, hint, path="variant")


def _snake(path: str) -> str:
    """Return a path of Ignition's JSON with its names as Butane writes them."""
    return re.sub(r"(?<=[a-z])([A-Z]+)", lambda match: f"_{match[1].lower()}", path)
