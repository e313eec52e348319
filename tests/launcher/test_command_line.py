"""Tests of the launcher's own options, its errors, and the project it finds."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import FakeHost

SHELLS = ("dash", "busybox", "bash")


def test_help_goes_to_stdout_and_names_every_variable(host: FakeHost) -> None:
    """--help is data: it is on stdout, and complete."""
    done = host.run("--help")
    assert done.returncode == 0
    assert not done.stderr
    for word in ("INFRA_BASE", "INFRA_IMAGE", "INFRA_PODMAN", "INFRA_PULL", "--dry-run", "130"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("words", "suggested"),
    [
        (("--dryrun", "sim"), "--dry-run"),
        (("--rebuld", "sim"), "--rebuild"),
        (("--base", "fedroa", "sim"), "fedora"),
        (("stop", "--purg"), "--purge"),
    ],
)
def test_a_misspelt_option_is_a_usage_error_with_a_suggestion(
    host: FakeHost, words: tuple[str, ...], suggested: str
) -> None:
    """A person who mistypes learns the right word, and nothing is started."""
    done = host.run(*words)
    assert done.returncode == 2
    assert f"\n\nhint: did you mean {suggested}?" in done.stderr
    assert not [call for call in host.calls() if "run" in call and "--name" in call]


@pytest.mark.parametrize("words", [(), ("--verbose",), ("--base",), ("--pull", "sim")])
def test_a_missing_word_is_a_usage_error(host: FakeHost, words: tuple[str, ...]) -> None:
    """No task, no base, no image to pull: exit code 2 and a hint."""
    done = host.run(*words)
    assert done.returncode == 2
    assert "\n\nhint: " in done.stderr


def test_options_after_the_task_belong_to_the_task(host: FakeHost) -> None:
    """The launcher reads no further than the task's name."""
    host.run("sim", "--dry-run", "--json")
    assert host.task()[-4:] == ["invoke", "sim", "--dry-run", "--json"]


def test_list_is_for_invoke(host: FakeHost) -> None:
    """`./infra --list` shows the tasks."""
    host.run("--list")
    assert host.task()[-2:] == ["invoke", "--list"]


@pytest.mark.parametrize(
    "word", ["a b", "it's", 'say "x"', "two\nlines", "$HOME", "", "*", "-x", "ü"]
)
def test_arguments_arrive_as_they_were_typed(host: FakeHost, word: str) -> None:
    """Blanks, quotes, newlines and what a shell would expand pass untouched."""
    host.run("sim", word, "end")
    assert host.task()[-4:] == ["invoke", "sim", word, "end"]


def test_the_container_is_named_after_the_project(host: FakeHost) -> None:
    """The name has the folder's name and the start of the path's sha256."""
    below = host.project / "hosts" / "web"
    below.mkdir(parents=True)
    host.run("sim", cwd=below)
    digest = hashlib.sha256(str(host.project).encode()).hexdigest()[:8]
    created = host.created()
    assert created[created.index("--name") + 1] == f"infra-my-project-{digest}"
    assert f"{host.project}:{host.project}" in created
    assert f"org.infra-toolbox.project={host.project}" in created
    task = host.task()
    assert task[task.index("-w") + 1] == str(below)


def test_without_a_project_the_current_folder_is_one(host: FakeHost) -> None:
    """Outside any project and checkout, the current folder is mounted."""
    folder = host.folder / "elsewhere"
    folder.mkdir()
    host.run("sim", cwd=folder)
    assert f"{folder}:{folder}" in host.created()


def test_inside_the_checkout_the_checkout_is_the_project(host: FakeHost) -> None:
    """Below the checkout, the checkout is mounted, also when called by a link."""
    launcher = host.checkout()
    link = host.folder / "link"
    link.symlink_to(launcher)
    host.run("sim", launcher=link, cwd=launcher.parent / "toolbox")
    assert f"{launcher.parent}:{launcher.parent}" in host.created()


def test_the_tests_run_on_the_checkout_from_anywhere(host: FakeHost) -> None:
    """`./infra test` mounts the checkout and starts there, whatever the current folder is."""
    launcher = host.checkout()
    host.run("test", launcher=launcher)
    assert f"{launcher.parent}:{launcher.parent}" in host.created()
    task = host.task()
    assert task[task.index("-w") + 1] == str(launcher.parent)


@pytest.mark.parametrize(("folder", "code"), [("/", 2), ("/usr", 2), ("a:b", 3)])
def test_a_folder_that_cannot_be_mounted_is_refused(host: FakeHost, folder: str, code: int) -> None:
    """System folders would hide the container's own, and podman cannot mount a colon."""
    place = host.folder / folder
    place.mkdir(exist_ok=True)
    done = host.run("sim", cwd=place)
    assert done.returncode == code
    assert "\n\nhint: " in done.stderr


def test_tests_need_a_checkout(host: FakeHost) -> None:
    """A copied launcher has nothing to test, and says so."""
    assert host.run("test").returncode == 2


def test_dry_run_prints_everything_and_runs_nothing(host: FakeHost) -> None:
    """What is printed can be pasted; podman is not even asked for its version."""
    launcher = host.checkout()
    done = host.run("--dry-run", "sim", "it's", launcher=launcher)
    assert done.returncode == 0
    assert host.calls() == []
    assert not (host.folder / "home" / ".local").exists()
    commands = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    assert [line.split()[:2] for line in commands if line.startswith("podman")] == [
        ["podman", verb] for verb in ("build", "rm", "run", "exec")
    ]
    assert done.stdout.endswith("invoke sim 'it'\\''s'\n")
    pasted = subprocess.run(
        ["/bin/sh", "-n"], input=done.stdout, text=True, capture_output=True, check=False
    )
    assert pasted.returncode == 0, pasted.stderr


@pytest.mark.parametrize(
    "words", [("stop", "--purge"), ("shell",), ("image",), ("--pull=x/y", "sim")]
)
def test_dry_run_of_every_verb_runs_nothing(host: FakeHost, words: tuple[str, ...]) -> None:
    """Every verb prints its podman commands and runs none."""
    done = host.run("--dry-run", *words, launcher=host.checkout())
    assert done.returncode == 0, done.stderr
    assert "podman " in done.stdout
    assert host.calls() == []


@pytest.mark.parametrize(
    "shell", [pytest.param(name, marks=pytest.mark.needs(name)) for name in SHELLS]
)
def test_every_shell_can_read_it(
    launcher_path: Path, program: Callable[[str], str], shell: str
) -> None:
    """The script is plain POSIX: several shells parse it and print the help."""
    start = [program(shell), *(["sh"] if shell == "busybox" else [])]
    for words in (["-n", str(launcher_path)], [str(launcher_path), "--help"]):
        done = subprocess.run([*start, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_it_can_be_read_in_one_go(launcher_path: Path) -> None:
    """The script stays short."""
    assert len(launcher_path.read_text().splitlines()) <= 500
