"""A person's own Salt states, which run after those of the plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import UsageError
from toolbox.lib.core.report import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SUFFIX = ".sls"
OURS = "infra-toolbox"
"""Name of the states that are made of a plan; a person's own may require it (``sls: …``)."""


@dataclass(frozen=True, slots=True)
class Sources:
    """A person's own states, with all that lies beside them.

    Attributes:
        names: What is run, in order.
        files: Contents by path below the folder that Salt knows as ``salt://``.
    """

    names: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def read(folders: Sequence[Path]) -> Sources:
    """Read folders of states; each ``*.sls`` that stands in one directly is run.

    Args:
        folders: A host's own first, then those of all hosts; the first wins where two have the same
            file. Those that do not exist have nothing.

    Raises:
        UsageError: A file is named as Salt could not find it.
    """
    files: dict[str, bytes] = {}
    findings: list[Finding] = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if not path.is_file() or name in files:
                continue
            files[name] = path.read_bytes()
            findings += _mistaken(name, path)
    if findings:
        message = "Salt could not find these states"
        raise UsageError(message, findings=findings)
    names = [name.removesuffix(SUFFIX) for name in files if _runs(name)]
    return Sources(tuple(sorted(names)), files)


def _runs(name: str) -> bool:
    return name.endswith(SUFFIX) and "/" not in name


def _mistaken(name: str, path: Path) -> list[Finding]:
    stem = name.removesuffix(SUFFIX)
    if not _runs(name):
        return []
    if "." in stem or "," in stem:
        return [_wrong(path, "a dot means a folder to Salt, a comma two names", "rename it")]
    if stem == OURS:
        return [_wrong(path, "this name is taken by what the config says", "rename it")]
    return []


def _wrong(path: Path, message: str, hint: str) -> Finding:
    return Finding(str(path), None, None, Severity.ERROR, "salt-name", message, hint)
