"""Scripts: which files are some, and which shell reads them as the machine's would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.butane.check import shell
from toolbox.lib.core.errors import ProgramFailed, ProgramMissing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

checked = pytest.mark.needs("shellcheck")


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("/a", "#!/bin/sh\n", "sh"),
        ("/a", "#! /usr/bin/env bash\n", "bash"),
        ("/a", "#!/usr/bin/env -S bash -e\n", "bash"),
        ("/a", "#!/bin/busybox\n", None),
        ("/a", "#!/usr/bin/python3\n", None),
        ("/a.sh", "#!/usr/bin/python3\n", None),
        ("/a.sh", "echo\n", "bash"),
        ("/a.sh", b"\0\n", None),
        ("/a", "echo\n", None),
        ("/a", "", None),
    ],
)
def test_script(file: Any, path: str, text: str | bytes, expected: str | None) -> None:
    """A first line decides, and a name only where there is none."""
    found = shell.script(file(path, text))

    assert (found and found.shell) == expected


@pytest.mark.needs("dash")
def test_readers(file: Any) -> None:
    """One process for each shell; sh is bash where it is so on the machine."""
    texts = ("#!/bin/sh", "#!/bin/dash", "#!/bin/bash", "#!/bin/ksh")
    found = shell.scripts(file(f"/{number}", text) for number, text in enumerate(texts))

    debian, newer = (shell.readers(found, bash=bash) for bash in (False, True))

    assert {key: len(group) for key, group in debian.items()} == {("dash",): 2, ("bash",): 1}
    assert {key: len(group) for key, group in newer.items()} == {shell.POSIX: 2, ("bash",): 1}


def _read(found: tuple[shell.Script, ...], folder: Path, *, bash: bool) -> list[str]:
    every = []
    for number, (reader, group) in enumerate(shell.readers(found, bash=bash).items()):
        room = folder / str(number)
        room.mkdir()
        every += [item.render() for item in shell.judge_syntax(reader, group, room)]
    return every


@pytest.mark.parametrize("bash", [False, True])
def test_syntax(file: Any, room: Path, bash: bool) -> None:
    """The first mistake of each script is told, at its own line."""
    texts = ("#!/bin/sh\nif true; then\n  echo\n", "#!/bin/bash\necho 'a\n", "#!/bin/sh\necho\n")
    found = shell.scripts(file(f"/{number}", text) for number, text in enumerate(texts))

    told = _read(found, room, bash=bash)

    assert len(told) == 2
    assert told[0].startswith("/0:3: error[shell-syntax]: ")
    assert told[1].startswith("/1:2: error[shell-syntax]: bash cannot read it: ")


def test_nothing_runs(file: Any, room: Path, tmp_path: Path) -> None:
    """Scripts are read and never run."""
    text = f"#!/bin/sh\ntouch {tmp_path}/ran\n"

    assert _read(shell.scripts([file("/a", text)]), room, bash=False) == []
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def judged(file: Any, room: Path) -> Callable[..., list[str]]:
    """Return what ShellCheck says of one script."""

    def judge(path: str, text: str, *, bash: bool = False) -> list[str]:
        found = shell.judge(shell.scripts([file(path, text)]), room, bash=bash)
        return [item.render().partition("\n")[0] for item in found]

    return judge


@checked
def test_often_works(judged: Any) -> None:
    """What ShellCheck calls an error is a warning, as such scripts often work."""
    (told,) = judged("/a", "#!/bin/bash\nrm $@\n")

    assert told.startswith("/a:2:4: warning[SC2068]: Double quote array expansions")


@checked
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/a", '#!/bin/sh\n. "$1"\n. /etc/os-release\n'),
        ("/etc/profile.d/a.sh", 'colour=red\necho "$other"\n'),
        ("/a", "#!/bin/sh\necho $1\n"),
    ],
    ids=["files-of-the-machine", "sourced", "style"],
)
def test_not_told(judged: Any, path: str, text: str) -> None:
    """What ShellCheck cannot know, and opinions, are left out."""
    assert judged(path, text) == []


@checked
def test_line_of_a_bare_script(judged: Any) -> None:
    """The line that we add to say the shell is not counted."""
    (told,) = judged("/a.sh", "cd /nowhere\n")

    assert told.startswith("/a.sh:1:1: warning[SC2164]")


def test_without_shellcheck(judged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ShellCheck nothing is taken for right."""
    monkeypatch.setattr(shell, "SHELLCHECK", "no-such-program")

    with pytest.raises(ProgramMissing):
        judged("/a", "#!/bin/sh\n")


def test_crash(judged: Any, instead: Any) -> None:
    """Neither is it where ShellCheck crashes."""
    instead("shellcheck", "kill -9 $$")

    with pytest.raises(ProgramFailed):
        judged("/a", "#!/bin/sh\n")
