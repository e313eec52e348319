"""Which of a host's Butane files count: what include and exclude say."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from toolbox.lib.butane import layers
from toolbox.lib.core.report import Severity
from toolbox.lib.inventory import names
from toolbox.lib.inventory.project import PROJECT_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolbox.lib.butane.layers import ButaneFile, Sources
    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.host import Host, Pattern
    from toolbox.lib.inventory.project import Project


def of(project: Project, host: Host) -> Sources:
    """Return the Butane files of a host that count, and warnings of patterns that mean none."""
    sources = layers.of(project, host)
    if not host.include and not host.exclude:
        return sources
    included = [file for file in sources.files if not host.include or _any(host.include, file)]
    files = tuple(file for file in included if not _any(host.exclude, file))
    unmatched = [
        pattern
        for pattern in (*host.include, *host.exclude)
        if not any(means(pattern, file) for file in sources.files)
    ]
    findings = _warnings(project, unmatched, sources.files)
    return replace(sources, files=files, findings=(*sources.findings, *findings))


def means(pattern: Pattern, file: ButaneFile) -> bool:
    """Tell whether a pattern means a file, by its own path or the one it was reached by."""
    return any(fnmatchcase(path, pattern.text) for path in (file.name, file.reached))


def _any(patterns: Iterable[Pattern], file: ButaneFile) -> bool:
    return any(means(pattern, file) for pattern in patterns)


def _warnings(
    project: Project, patterns: Iterable[Pattern], own: Iterable[ButaneFile]
) -> list[Finding]:
    """Return a warning for each pattern that means no file of those that it is for."""
    everything: list[ButaneFile] = []
    found = []
    for pattern in patterns:
        files = list(own)
        if pattern.place.file == PROJECT_FILE:
            # Reason: a pattern for all hosts may mean files that only some of them have.
            everything = everything or [
                file for host in project.hosts for file in layers.of(project, host).files
            ]
            files = everything
        if not any(means(pattern, file) for file in files):
            message = f"{pattern.text} means no Butane file"
            hint = _hint(pattern.text, {file.name for file in files})
            place = pattern.place
            found.append(place.finding("unmatched-pattern", message, hint, Severity.WARNING))
    return found


def _hint(text: str, known: set[str]) -> str | None:
    folder = f"{text.rstrip('/')}/"
    if any(name.startswith(folder) for name in known):
        return f"{folder}* means all that is in the folder"
    close = names.closest(text, known | {f"{name.rpartition('/')[0]}/*" for name in known})
    return f"did you mean {close}?" if close else None
