"""No plain secret in state/: what lies there is sealed, public, or a state that seals by itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from toolbox.lib.core.run import run
from toolbox.lib.inventory.document import Place
from toolbox.lib.vault import age, env, markers, store
from toolbox.lib.vault.special import SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolbox.lib.core.report import Finding

CODE = "plain-secret"
TAKE_BACK = "take it out of the commit (git rm --cached), and replace the secret if it was pushed"
SEAL = f"seal it, or put it below {store.PUBLIC}/ when everybody may read it"
SECONDS = 60
INDEX = "GIT_INDEX_FILE"


@dataclass(frozen=True, slots=True)
class Written:
    """A file of a project.

    Attributes:
        name: Path from the project's folder.
        data: Content.
    """

    name: str
    data: bytes


def folder(root: Path) -> list[Finding]:
    """Return the plain secrets in a project's state.

    Args:
        root: The project's folder.
    """
    return [finding for file in _on_disk(root) for finding in examine(file)]


def staged(root: Path, index: str = "") -> list[Finding]:
    """Return the plain secrets that the next commit of a project would have.

    Args:
        root: The project's folder.
        index: The file of what is staged, as git tells its hooks; the usual one by default.
    """
    return [finding for file in _in_index(root, index) for finding in examine(file)]


def examine(file: Written) -> list[Finding]:
    """Return what is wrong with a file of a project, if it belongs to its secrets.

    Args:
        file: The file.
    """
    path = PurePosixPath(file.name)
    place = Place(file.name)
    if file.name == env.FILE:
        message = f"{env.FILE} is of one computer and may have secrets"
        return [place.finding(CODE, message, f"git rm --cached {file.name}, and ignore it")]
    if not path.is_relative_to(store.STATE):
        return []
    problem = _problem(path, file.data)
    return [place.finding(CODE, *problem)] if problem else []


def _problem(path: PurePosixPath, data: bytes) -> tuple[str, str] | None:
    """Return what is wrong with a file below state/, and what to do."""
    if path.suffix == store.SUFFIX:
        return None if age.is_sealed(data) else ("this is not sealed by age", TAKE_BACK)
    marker = markers.search(data)
    if marker is not None:
        return f"there is {marker} in it", TAKE_BACK
    if path.is_relative_to(store.FILES) and not _is_public(path):
        return "an export that is not sealed", SEAL
    if path.is_relative_to(f"{store.PULUMI}/.pulumi"):
        return _state_problem(data)
    return None


def _is_public(path: PurePosixPath) -> bool:
    parts = path.relative_to(store.FILES).parts
    return len(parts) > 2 and parts[1] == store.PUBLIC  # noqa: PLR2004 - stack, public, file


def _state_problem(data: bytes) -> tuple[str, str] | None:
    """Return what is wrong with a state of Pulumi."""
    try:
        state = json.loads(data)
    except ValueError:
        return None
    if any("plaintext" in value for value in _special(state)):
        return "a secret of this state is not sealed", "make the state anew with its passphrase"
    return None


def _special(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        if SIGNATURE in value:
            yield value
        for item in value.values():
            yield from _special(item)
    elif isinstance(value, list):
        for item in value:
            yield from _special(item)


def _on_disk(root: Path) -> Iterator[Written]:
    for path in sorted((root / store.STATE).rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield Written(str(path.relative_to(root)), path.read_bytes())


def _in_index(root: Path, index: str) -> Iterator[Written]:
    """Yield the files that are staged, as they are staged."""
    git = partial(_git, root, _index(root, index))
    # Reason: a commit has what is staged, which may differ from what lies in the folder.
    names = git("diff", "--cached", "--name-only", "--diff-filter=d", "--relative", "-z")
    for name in filter(None, names.decode(errors="surrogateescape").split("\0")):
        if PurePosixPath(name).is_relative_to(store.STATE) or name == env.FILE:
            yield Written(name, git("show", f":./{name}"))


def _index(root: Path, index: str) -> dict[str, str]:
    """Return what makes git use another index; `git commit FILE` stages in one of its own."""
    if not index:
        return {}
    # Reason: git names it from the top of the work tree.
    top = _git(root, {}, "rev-parse", "--show-toplevel").decode().strip()
    return {INDEX: str(Path(top) / index)}


def _git(root: Path, environment: dict[str, str], *words: str) -> bytes:
    return run(["git", "-C", root, *words], env=environment, timeout=SECONDS).stdout
