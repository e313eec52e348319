"""Rendering: from a project, a host and its identity to one Butane config."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from toolbox.lib.butane import environment, merge, selection, template
from toolbox.lib.butane.bootstrap import HASH_FILE
from toolbox.lib.butane.layers import real
from toolbox.lib.butane.local import Dates, Localizer
from toolbox.lib.butane.origins import Origins, write
from toolbox.lib.butane.stage import Stage
from toolbox.lib.butane.trees import KNOWN
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.core.files import runtime_dir
from toolbox.lib.core.report import Severity
from toolbox.lib.core.scratch import scratch
from toolbox.lib.core.secret import Secret
from toolbox.lib.inventory.document import Items, Place, Scalar, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from toolbox.lib.butane.environment import Environment
    from toolbox.lib.butane.layers import ButaneFile, Escape, Layer
    from toolbox.lib.butane.stage import Written
    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.pki.identity import Identity


@dataclass(frozen=True, slots=True)
class ButaneConfig:
    """All Butane files of a host, rendered and merged.

    Attributes:
        host: The host.
        text: The config, YAML; holds private keys.
        files_dir: Butane's ``--files-dir``; ends with the `render` that made it.
        layers: The folders it is from, in the order of their first files.
        origins: Where each piece of the text was written.
        environment: The names its templates saw.
        configs: What was merged, the later over the earlier.
        merged: What they were merged to.
        warnings: What is to say about it although it is right; holds no secrets.
        made: Where the lines of rendered files were written, by their paths below `files_dir`.
    """

    host: Host
    text: Secret
    files_dir: Path
    layers: tuple[Layer, ...]
    origins: Origins = field(repr=False)
    environment: Environment = field(repr=False)
    configs: tuple[Table, ...] = field(repr=False)
    merged: Table = field(repr=False)
    warnings: tuple[Finding, ...] = ()
    made: Mapping[str, Written] = field(default_factory=dict, repr=False)


def names_of_sources(config: ButaneConfig) -> Callable[[Path], str | None]:
    """Return what tells the name in the project of a staged file, None for one that was rendered.

    Args:
        config: As `render` gives it, while its block lasts; paths are below its `files_dir`.
    """
    tops: dict[str, str] = {}
    for layer in config.layers:
        tops.setdefault(f"{layer.folder}/", f"{layer.label}/")
        tops.setdefault(f"{layer.boundary}/", "")
    folders: dict[Path, Path] = {}

    def name(path: Path) -> str | None:
        folder = path.parent
        if folder not in folders:
            folders[folder] = real(folder)
        written = f"{folders[folder]}/{path.name}/"
        for top, label in tops.items():
            if written.startswith(top):
                return f"{label}{written.removeprefix(top)}".rstrip("/") or "."
        return None

    return name


@contextmanager
def render(project: Project, host: Host, identity: Identity) -> Iterator[ButaneConfig]:
    """Render a host's config for the time of a block.

    The local files it needs, some rendered and with secrets in them, are staged in a private folder
    that ends with the block.

    Args:
        project: The project.
        host: One of its hosts.
        identity: Keys of the project and its hosts.

    Yields:
        The config.

    Raises:
        ToolboxError: Something in the files is wrong; the findings tell all of it.
    """
    names = environment.of(project, host, identity)
    sources = selection.of(project, host)
    with scratch(runtime_dir(), "butane") as folder:
        stage = Stage(folder)
        renderer = _Renderer(stage, names)
        configs = renderer.configs(sources.files)
        findings = [*names.findings, *sources.findings, *renderer.findings]
        findings += [*merge.variants(configs), *_escapes(sources.escapes, renderer.trees)]
        merged, needless = merge.merged(configs)
        findings += [*needless, *_reserved(merged)]
        if any(finding.severity is Severity.ERROR for finding in findings):
            raise refusal(host, findings, names)
        written, origins = write(merged)
        text, parts = Secret(written), tuple(configs)
        said = clean(findings, names)
        yield ButaneConfig(
            host,
            text,
            stage.folder,
            sources.layers,
            origins,
            names,
            parts,
            merged,
            said,
            stage.made,
        )


def refusal(host: Host, findings: Sequence[Finding], names: Environment) -> ToolboxError:
    """Return the error for a config that is wrong, with no secret in its words."""
    wrong = sum(finding.severity is Severity.ERROR for finding in findings) or len(findings)
    count = f"{wrong} mistake{'s' if wrong > 1 else ''}"
    message = f"the Butane config of {host.name} has {count}"
    return ToolboxError(message, findings=clean(findings, names))


def clean(findings: Sequence[Finding], names: Environment) -> tuple[Finding, ...]:
    """Return findings in the order of their places, with no secret in their words."""
    return tuple(
        replace(
            finding,
            message=names.redacted(finding.message),
            hint=names.redacted(finding.hint) if finding.hint else None,
        )
        for finding in sorted(findings, key=_order)
    )


def _order(finding: Finding) -> tuple[str, int, int]:
    return finding.file or "", finding.line or 0, finding.column or 0


@dataclass(slots=True)
class _Renderer:
    """Reads the Butane files of layers and collects what is wrong with them."""

    stage: Stage
    names: Environment
    findings: list[Finding] = field(default_factory=list)
    trees: list[Path] = field(default_factory=list)

    def configs(self, files: Iterable[ButaneFile]) -> list[Table]:
        """Return the configs of files, those that are not empty."""
        found = (self._config(file) for file in files)
        return [config for config in found if config is not None]

    def _config(self, written: ButaneFile) -> Table | None:
        layer, file = written.layer, written.name
        try:
            source = written.path.read_bytes().decode()
        except UnicodeDecodeError as error:
            message = f"byte {error.start} is not UTF-8"
            self.findings.append(Place(file).finding("not-text", message, "save it as UTF-8"))
            return None
        names = self.names.revealed()
        rendered, findings = template.render(source, file, names, Dates(layer))
        self.findings += findings
        if rendered is None:
            return None
        node, findings = KNOWN.read(rendered)
        self.findings += findings
        if node is None or (not isinstance(node, Table) and findings):
            return None
        if isinstance(node, Scalar) and node.is_null:
            # Reason: a mark of where a document begins, and no document, is nothing as well.
            return None
        if not isinstance(node, Table):
            message = "a Butane config is a mapping"
            self.findings.append(node.place.finding("no-mapping", message, "such as variant: fcos"))
            return None
        if node.mark:
            message = f"!{node.mark} is for a value in a config, not for a whole one"
            hint = "put it in front of a value"
            self.findings.append(node.place.finding("yaml-tag", message, hint))
        self.findings += merge.duplicates(node)
        localizer = Localizer(layer, self.stage, names)
        config = localizer.table(node)
        self.findings += localizer.findings
        self.trees += localizer.trees
        return config


def _escapes(escapes: Iterable[Escape], trees: Iterable[Path]) -> list[Finding]:
    """Return the findings of links that lead out, but for those that a machine gets as links."""
    inside = {path for tree in trees for path in (tree, real(tree))}
    return [
        escape.finding
        for escape in escapes
        if not any(escape.path.is_relative_to(tree) for tree in inside)
    ]


def _reserved(config: Table) -> list[Finding]:
    """Find entries at the path that only the bootstrap config may write."""
    storage = config.get("storage")
    found = []
    for kind in merge.KINDS if isinstance(storage, Table) else ():
        entries = storage.get(kind) if isinstance(storage, Table) else None
        for item in entries.items if isinstance(entries, Items) else ():
            if isinstance(item, Table) and item.text("path") == HASH_FILE:
                message = f"{HASH_FILE} is written by the toolbox"
                hint = "it holds the hash of this config, so it cannot be part of it: remove it"
                found.append(item.place.finding("reserved-path", message, hint))
    return found
