"""What a repository has of a project, by real git."""

from __future__ import annotations

import subprocess
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as some

from toolbox.lib.core.errors import UsageError
from toolbox.lib.core.report import Severity
from toolbox.lib.vault import clone, store
from toolbox.lib.vault.clone import Entry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.needs("git")
ERROR, WARNING = Severity.ERROR, Severity.WARNING
PASSPHRASE = "state/pulumi/prod.passphrase.age"


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that runs git in a new repository, as somebody without settings."""
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    top = tmp_path / "top"
    top.mkdir()

    def call(*words: str) -> str:
        named = ("-c", "user.name=Ana", "-c", "user.email=ana@example.org")
        command = ["git", *named, "-C", top, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    call("init", "--quiet", "--initial-branch", "main")
    return call


@pytest.fixture
def root(tmp_path: Path, git: Callable[..., str]) -> Path:
    """Return a project that is a folder of the repository and was committed."""
    folder = tmp_path / "top/infra"
    write(folder / "project.yaml", "name: shop\n")
    write(folder / PASSPHRASE, "sealed")
    write(folder / "state/pulumi/.gitignore", store.IGNORED)
    git("add", ".")
    git("commit", "--quiet", "-m", "begin")
    return folder


def write(path: Path, text: str) -> None:
    """Write a file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def losses(root: Path) -> list[tuple[str | None, str, Severity]]:
    """Return what a clone would not have, without what is said of remotes."""
    found = clone.losses(root, clone.of(root))
    assert all(finding.hint for finding in found)
    return [(one.file, one.code, one.severity) for one in found if one.code != clone.UNPUSHED]


def test_repository(root: Path, git: Callable[..., str]) -> None:
    """The repository is found from the project's folder, which need not be its top."""
    found = clone.of(root)

    assert found == clone.Repository(
        root.parent, PurePosixPath("infra"), git("rev-parse", "HEAD").strip()
    )
    assert losses(root) == []


def test_no_repository(tmp_path: Path, git: Callable[..., str]) -> None:
    """A folder without a repository, and one without a commit, are refused with what to do."""
    with pytest.raises(UsageError, match="in no git repository") as refused:
        clone.of(tmp_path)
    assert refused.value.hint == "git init && git add . && git commit"
    git("status")
    with pytest.raises(UsageError, match="nothing was committed"):
        clone.of(tmp_path / "top")


def test_copy(root: Path, tmp_path: Path, git: Callable[..., str]) -> None:
    """A clone has what the last commit has, also of a branch of its own, and nothing else."""
    write(root / "later.bu", "")
    git("add", ".")
    git("stash", "--quiet")
    git("checkout", "--quiet", "--detach")
    write(root / "untracked.bu", "")
    (tmp_path / "home").mkdir()

    made = clone.copy(clone.of(root), tmp_path / "clone", tmp_path / "home")

    assert made == tmp_path / "clone/infra"
    names = {path.name for path in made.rglob("*") if path.is_file()}
    assert names == {"project.yaml", "prod.passphrase.age", ".gitignore"}
    listed = ["git", "-C", made, "rev-list", "--all"]
    held = subprocess.run(listed, check=True, capture_output=True, text=True)
    assert held.stdout.split() == [clone.of(root).commit]


def test_uncommitted(root: Path) -> None:
    """What is new, a whole folder once, or changed would be lost; state/ cannot be made again."""
    write(root / "a file.bu", "")
    write(root / "hosts/web.yaml", "")
    write(root / "project.yaml", "name: other\n")
    write(root / PASSPHRASE, "sealed anew")
    write(root / "state/files/prod/key.age", "sealed")
    write(root.parent / "beside.txt", "")

    assert sorted(losses(root)) == [  # type: ignore[type-var]
        ("a file.bu", clone.UNCOMMITTED, WARNING),
        ("hosts/", clone.UNCOMMITTED, WARNING),
        ("project.yaml", clone.UNCOMMITTED, WARNING),
        ("state/files/", clone.UNCOMMITTED, ERROR),
        (PASSPHRASE, clone.UNCOMMITTED, ERROR),
    ]
    hints = {one.file: one.hint for one in clone.losses(root, clone.of(root))}
    assert hints["a file.bu"] == "git add 'a file.bu' && git commit"


def test_gone(root: Path) -> None:
    """What was removed here only comes back with a clone, which is not a loss."""
    (root / PASSPHRASE).unlink()

    assert losses(root) == [(PASSPHRASE, clone.UNCOMMITTED, WARNING)]
    (finding,) = (one for one in clone.losses(root, clone.of(root)) if one.file == PASSPHRASE)
    assert f"git checkout HEAD -- {PASSPHRASE}" in (finding.hint or "")


def test_ignored(root: Path) -> None:
    """An export that a pattern hides is told with the pattern; what is of one computer is not."""
    write(root.parent / ".gitignore", "# mine\n*.age\n/infra/state/files/dev/\n")
    write(root / "state/files/prod/key.age", "sealed")
    write(root / "state/files/dev/x", "")
    write(root / "state/pulumi/lock", "")
    write(root / "state/pulumi/.pulumi/backups/old", "")
    write(root / "elsewhere.age", "")

    assert sorted(losses(root)) == [  # type: ignore[type-var]
        ("state/files/dev/", clone.IGNORED, ERROR),
        ("state/files/prod/key.age", clone.IGNORED, ERROR),
    ]
    (told,) = (
        one for one in clone.losses(root, clone.of(root)) if one.file == "state/files/prod/key.age"
    )
    assert "ignored by .gitignore:2 (*.age)" in told.message


def test_whole_state_ignored(root: Path) -> None:
    """A pattern for all of state/ is told once."""
    write(root / ".gitignore", "state/\n")
    subprocess.run(["git", "-C", root, "rm", "-r", "--quiet", "--cached", "state"], check=True)

    assert ("state/", clone.IGNORED, ERROR) in losses(root)


def test_unpushed(root: Path, tmp_path: Path, git: Callable[..., str]) -> None:
    """A commit that no remote has is a warning, and none when it was pushed."""

    def told() -> list[str | None]:
        found = clone.losses(root, clone.of(root))
        return [one.hint for one in found if one.code == clone.UNPUSHED]

    assert told() == ["git remote add origin URL && git push -u origin HEAD"]
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "server"], check=True)
    git("remote", "add", "origin", str(tmp_path / "server"))
    assert told() == ["git push"]
    git("push", "--quiet", "origin", "HEAD:main")
    assert told() == []


@given(
    some.lists(
        some.builds(
            Entry,
            some.sampled_from(["??", "!!", " M", "A ", " D", "UU"]),
            some.text(some.characters(exclude_characters="\0", codec="utf-8"), min_size=1),
        )
    )
)
def test_every_name(entries: list[Entry]) -> None:
    """Whatever files are called, what git tells of them is read back."""
    told = "".join(f"{one.mark} {one.name}\0" for one in entries)

    assert clone.entries_of(told) == entries
