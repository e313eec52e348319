"""Translation of one Butane file outside of any project.

The file goes to Butane byte for byte, or as what it renders to where it is a template, so what
Butane accepts is accepted, and what it refuses is refused. Only the words about it are ours.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolbox.lib.butane import badunit, complaint, contents, origins, template
from toolbox.lib.butane.check import examine
from toolbox.lib.butane.layers import Layer
from toolbox.lib.butane.local import Dates, is_local
from toolbox.lib.butane.origins import Origins
from toolbox.lib.butane.translate import butane, unexplained, validate, words
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.files import sha256
from toolbox.lib.core.report import Severity
from toolbox.lib.inventory.document import Place, Table, parse, text_at, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.document import Node

SUFFIX = ".bu.j2"
"""A file of this name is a template."""

IGNITION, MACHINE_CONFIG = "Ignition", "MachineConfig"
SYNTAX = "yaml-syntax"
DOCUMENTS = "several-documents"


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is translated.

    Attributes:
        files_dir: Folder of the local files it may name.
        names: What it may use as a template; None means that it is none.
        strict: Refuse what Butane only warns of.
        raw: Make Ignition of the variant openshift, too.
        checked: Check what it puts on a machine, too; mistakes there refuse it with `strict` only.
    """

    files_dir: Path | None = None
    names: Mapping[str, str] | None = None
    strict: bool = False
    raw: bool = False
    checked: bool = False


@dataclass(frozen=True, slots=True)
class Translated:
    """What became of a file.

    Attributes:
        output: What Butane made of it, byte for byte.
        kind: ``Ignition`` or ``MachineConfig``.
        sha256: Hash of the output, ``sha256-<hex>``.
        findings: What is to say about the file, though it is accepted.
    """

    output: bytes = field(repr=False)
    kind: str
    sha256: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    """A config as Butane reads it, and where its pieces were written.

    Attributes:
        file: Its name in findings.
        files_dir: Folder of the local files that it names.
        data: What Butane reads.
        node: The same as a tree; None when it is none.
        locate: Tells where a line and column of that was written.
        pieces: Where its values were written.
        mistakes: What our own reader of YAML finds wrong.
        warnings: What is to say about the template it was rendered from.
    """

    file: str
    files_dir: Path | None
    data: bytes
    node: Node | None
    locate: Callable[[int, int], Place]
    pieces: Origins
    mistakes: tuple[Finding, ...]
    warnings: tuple[Finding, ...]

    def value(self, path: str) -> Place | None:
        """Return the place of the value at a path, or of the nearest one around it."""
        return self.pieces.value(path)

    def key(self, path: str) -> Place | None:
        """Return the place of the key at a path, or of the nearest value around it."""
        return self.pieces.key(path)

    def line(self, number: int) -> Place | None:
        """Return the place of a line of the config, counted from 1."""
        return Place(self.file, self.locate(number, 1).line)

    def finding(self, item: complaint.Complaint) -> Finding:
        """Return a complaint with its place."""
        found = item.finding(self, Place(self.file))
        unit = self._unit(item.path) if item.message.startswith(badunit.BEGINNING) else None
        return badunit.told(found, unit) if unit else found

    def _unit(self, path: str) -> badunit.Unit | None:
        """Return the unit at a path, which may be a file of its own."""
        text = text_at(self.node, path)
        if text is None:
            return None
        if is_local(path.rpartition(".")[2]):
            # Reason: Butane has read it, so it is there, unless it is gone in the meantime.
            file = (self.files_dir or Path()) / text.lstrip("/")
            unit = file.read_bytes().decode(errors="replace") if file.is_file() else ""
            return badunit.Unit(unit, file=str(file))
        lines = self.data.decode().splitlines()
        placed = ((self.locate(n, 1).line or 0, line) for n, line in enumerate(lines, start=1))
        return badunit.Unit(text, lines=tuple(placed))


def translate(source: bytes, file: str, options: Options) -> Translated:
    """Translate a file as Butane does, and validate what comes out.

    Args:
        source: Its contents.
        file: Its name in findings.
        options: How.

    Returns:
        The translation.

    Raises:
        ToolboxError: The template, Butane or Ignition refuses it; the findings tell where.
        HabitatError: Butane or ignition-validate is not installed.
    """
    written = _read(source, file, options)
    whole = Place(file)
    result = butane(
        written.data, files_dir=options.files_dir, strict=options.strict, raw=options.raw
    )
    complaints = complaint.read(words(result))
    if not result.ok:
        raise _refused(file, _explained(written, complaints) or [unexplained(result, whole)])
    kind = IGNITION if result.stdout.startswith(b"{") else MACHINE_CONFIG
    if kind == IGNITION:
        validated = validate(result.stdout)
        complaints += complaint.read(words(validated))
        if not validated.ok:
            raise _refused(file, _explained(written, complaints) or [unexplained(validated, whole)])
    found = [*written.warnings, *_explained(written, complaints), *_unread(written)]
    if options.checked:
        found += _checked(written, result.stdout, kind, strict=options.strict)
    if options.checked and options.strict and any(map(_is_error, found)):
        raise _refused(file, found)
    return Translated(result.stdout, kind, sha256(result.stdout), tuple(found))


def _checked(written: _Source, output: bytes, kind: str, *, strict: bool) -> Iterator[Finding]:
    """Yield what is found on the machine that a config is for."""
    config = json.loads(output) if kind == IGNITION else _ignition_in(output)
    if not isinstance(written.node, Table) or config is None:
        return
    whole = Place(written.file)
    source = contents.Source(written.node, written.files_dir or Path(), whole, str)
    # Reason: all variants are for systems whose programs are newer than those of a Debian.
    for finding in examine.judge(contents.of(source, config), whole, newer=True):
        decisive = strict or not _is_error(finding)
        yield finding if decisive else replace(finding, severity=Severity.WARNING)


def _ignition_in(machine_config: bytes) -> dict[str, Any] | None:
    """Return the Ignition config in a MachineConfig."""
    node, _ = parse(machine_config.decode(), "")
    found: dict[str, Any] | None = value(node)["spec"].get("config")
    return found


def _is_error(finding: Finding) -> bool:
    return finding.severity is Severity.ERROR


def is_template(file: str) -> bool:
    """Tell whether a file is a template by its name."""
    return file.endswith(SUFFIX)


def _refused(file: str, findings: list[Finding]) -> ToolboxError:
    count = sum(map(_is_error, findings))
    if not count:
        message = f"{file} is refused for its warnings, as --strict wants it"
        hint = "the same without --strict is accepted"
        return ToolboxError(message, hint=hint, findings=findings)
    mistakes = f"{count} mistake{'s' if count > 1 else ''}"
    return ToolboxError(f"{file} is refused: it has {mistakes}", findings=findings)


def _explained(written: _Source, complaints: list[complaint.Complaint]) -> list[Finding]:
    """Return complaints at their places; of several about one thing the more exact one."""
    syntax = [item for item in written.mistakes if item.code == SYNTAX]
    # Reason: libyaml tells the line of a mistake, yaml.v3 often the one before or after.
    kept = [item for item in complaints if not (syntax and item.code == SYNTAX)]
    found = [*syntax, *(written.finding(item) for item in dict.fromkeys(kept))]
    return sorted(dict.fromkeys(found), key=lambda item: (item.line or 0, item.column or 0))


def _unread(written: _Source) -> Iterator[Finding]:
    """Yield warnings of what Butane accepts because it does not read it."""
    for item in written.mistakes:
        if item.code == DOCUMENTS:
            message = "another YAML document begins here, and Butane reads the first only"
            yield replace(item, severity=Severity.WARNING, message=message)


def _read(source: bytes, file: str, options: Options) -> _Source:
    """Return a config with the places of its pieces, rendered where it is a template."""
    try:
        text = source.decode()
    except UnicodeDecodeError as error:
        place = Place(file, source.count(b"\n", 0, error.start) + 1)
        finding = place.finding("not-text", f"byte {error.start} is not UTF-8", "save it as UTF-8")
        raise _refused(file, [finding]) from error
    locate: Callable[[int, int], Place] = partial(Place, file)
    findings: list[Finding] = []
    if options.names is not None:
        folder = options.files_dir or Path.cwd()
        dates = Dates(Layer(str(folder), folder, folder))
        rendered, findings = template.render(text, file, options.names, dates)
        if rendered is None:
            raise _refused(file, findings)
        text, locate = rendered.text, rendered.locate
    node, mistakes = parse(text, file, locate)
    pieces = origins.of(node) if node is not None else Origins({}, {}, ())
    data = source if options.names is None else text.encode()
    told = tuple(mistakes), tuple(findings)
    return _Source(file, options.files_dir, data, node, locate, pieces, *told)
