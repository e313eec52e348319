"""What a project's repository has of it: a clone of the last commit, and what would be lost.

A clone is made as from a server, so that what no commit reaches is not in it.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import UsageError
from toolbox.lib.core.report import Severity
from toolbox.lib.core.run import run
from toolbox.lib.inventory.document import Place
from toolbox.lib.vault import store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolbox.lib.core.report import Finding

SECONDS = 600
UNCOMMITTED, IGNORED, UNPUSHED = "uncommitted", "ignored", "unpushed"
OURS = f"{store.PULUMI}/.gitignore"
"""What it ignores is of one computer: the vault has written it."""

NEW, HIDDEN, GONE = "??", "!!", "D"
"""How git marks what it does not know and what it ignores, and by one letter what is gone."""

SETTINGS = ".gitconfig"
# Reason: in a container the project often belongs to somebody else, and git then wants to be told
# that this is all right; what serves the clone is a process that no option of ours reaches.
TRUST = "[safe]\n\tdirectory = *\n"


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository that a project is in.

    Attributes:
        top: Folder of its work tree.
        project: The project's folder, from there.
        commit: The last commit.
    """

    top: Path
    project: PurePosixPath
    commit: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that the last commit does not have as it is.

    Attributes:
        mark: Git's two letters.
        name: Path from the top of the work tree; of a whole folder with a slash at its end.
    """

    mark: str
    name: str


def of(root: Path) -> Repository:
    """Return the repository that a project is in.

    Args:
        root: The project's folder.

    Raises:
        UsageError: It is in none, or nothing was committed yet.
    """
    asked = _git(root, "rev-parse", "--show-toplevel", "--show-prefix", check=False)
    if not asked:
        message = f"{root} is in no git repository, so nothing of it can be cloned"
        raise UsageError(message, hint="git init && git add . && git commit")
    top, prefix = asked.splitlines()[:2]
    commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD", check=False).strip()
    if not commit:
        message = f"nothing was committed to {top} yet"
        raise UsageError(message, hint="git add . && git commit")
    return Repository(Path(top), PurePosixPath(prefix or "."), commit)


def copy(repository: Repository, folder: Path, home: Path) -> Path:
    """Clone the last commit, and return the project's folder in the clone.

    Args:
        repository: The repository.
        folder: Where the clone is made; it is not there yet.
        home: Home of who clones; git's settings for it are written there.
    """
    (home / SETTINGS).write_text(TRUST)
    commands: tuple[list[str | Path], ...] = (
        ["clone", "--quiet", "--no-local", "--no-checkout", repository.top, folder],
        ["-C", folder, "checkout", "--quiet", "--detach", repository.commit],
    )
    for words in commands:
        run(["git", *words], env={"HOME": str(home)}, timeout=SECONDS)
    return folder / repository.project


def losses(root: Path, repository: Repository) -> list[Finding]:
    """Return what a clone would not have of a project's folder.

    What is below `state/` cannot be made again, so it is an error there; elsewhere a warning.

    Args:
        root: The project's folder.
        repository: Its repository.
    """
    entries = entries_of(_git(root, *STATUS, "--", "."))
    found = [_uncommitted(_named(one, repository)) for one in entries if one.mark != HIDDEN]
    hidden = [one.name for one in entries if one.mark == HIDDEN]
    return found + list(_ignored(repository, hidden)) + _unpushed(root, repository)


STATUS = (
    *("status", "--porcelain=v1", "-z", "--no-renames"),
    *("--untracked-files=normal", "--ignored=matching"),
)


def entries_of(told: str) -> list[Entry]:
    """Return what git says of files, by its own form for programs.

    Args:
        told: What ``git status --porcelain=v1 -z --no-renames`` has printed.
    """
    return [Entry(text[:2], text[3:]) for text in told.split("\0") if text]


def _named(entry: Entry, repository: Repository) -> Entry:
    """Return an entry with its path from the project's folder."""
    path = PurePosixPath(entry.name)
    if path.is_relative_to(repository.project):
        path = path.relative_to(repository.project)
    return Entry(entry.mark, f"{path}{'/' if entry.name.endswith('/') else ''}")


def _uncommitted(entry: Entry) -> Finding:
    place, quoted = Place(entry.name), shlex.quote(entry.name)
    if GONE in entry.mark:
        message = "this is gone here, and still in the last commit: a clone has it again"
        hint = f"git checkout HEAD -- {quoted}, or git rm {quoted} && git commit"
        return place.finding(UNCOMMITTED, message, hint, Severity.WARNING)
    what = "is in no commit" if entry.mark == NEW else "is other than in the last commit"
    message = f"this {what}: a clone does not have it"
    hint = f"git add {quoted} && git commit"
    return place.finding(UNCOMMITTED, message, hint, _severity(entry.name))


def _severity(name: str) -> Severity:
    kept = PurePosixPath(name).is_relative_to(store.STATE)
    return Severity.ERROR if kept else Severity.WARNING


def _ignored(repository: Repository, names: list[str]) -> Iterator[Finding]:
    """Yield what is ignored below `state/`, but for what belongs to one computer."""
    inside = [
        name
        for name in names
        if PurePosixPath(name).is_relative_to(repository.project / store.STATE)
    ]
    if not inside:
        return
    asked = "\0".join(inside)
    words = ("check-ignore", "--verbose", "--no-index", "-z", "--stdin")
    told = _git(repository.top, *words, stdin=asked, check=False).split("\0")
    for source, line, pattern, name in zip(*(told[n::4] for n in range(4)), strict=False):
        if source == str(repository.project / OURS):
            continue
        entry = _named(Entry(HIDDEN, name), repository)
        message = f"this is ignored by {source}:{line} ({pattern}): a clone does not have it"
        hint = f"take that line out, then: git add {shlex.quote(entry.name)} && git commit"
        yield Place(entry.name).finding(IGNORED, message, hint)


def _unpushed(root: Path, repository: Repository) -> list[Finding]:
    """Return a warning where the last commit is on this computer only."""
    remotes = _git(root, "remote").split()
    holders = ("branch", "--remotes", "--contains", repository.commit, "--format=%(refname)")
    if remotes and _git(root, *holders).strip():
        return []
    message = f"commit {repository.commit[:10]} is on this computer only, as far as git knows here"
    hint = "git push" if remotes else "git remote add origin URL && git push -u origin HEAD"
    return [Place(".").finding(UNPUSHED, message, hint, Severity.WARNING)]


def _git(root: Path, *words: str, stdin: str | None = None, check: bool = True) -> str:
    command: list[str | Path] = ["git", "-c", "safe.directory=*", "-C", root]
    result = run([*command, *words], stdin=stdin, timeout=SECONDS, check=check)
    return result.stdout.decode(errors="surrogateescape") if result.ok else ""
