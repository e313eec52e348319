"""Tests of what the driver of the habitats decides, on a host made of fakes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess

    from conftest import FakeHost

DRIVER = Path(__file__).parents[1] / "habitats" / "run"
PROGRAMS = ["comm", "stat", "wc"]
# Reason: one text for every task; the driver looks in each for what is its own.
ANSWER = """\
  sim.up   x
{
  "ok": %s,
  "items": [
    {
      "host": "hello",
      "change": "stays as it is",
      "title": "%s",
      "outcome": "%s",
      "message": ""
    },
    {
      "found": "github: a job container"
    },
    {
      "found": "container: a plain one"
    },
    {
      "found": "9 GB are free for state and cache in /github/home/.local/state/infra-toolbox"
    },
    {
      "found": "9 GB are free for state in /root/.local/state/infra-toolbox"
    }
  ]
}
"""
FINE = ANSWER % ("true", "It runs", "passed")


@pytest.fixture
def driven(host: FakeHost) -> FakeHost:
    """A host with a checkout and what the driver needs besides the launcher's programs."""
    for name in PROGRAMS:
        found = shutil.which(name)
        assert found, f"{name} is needed to run the driver"
        (host.folder / "bin" / name).symlink_to(found)
    host.fake("chown", "find")
    place = host.folder / "checkout"
    host.checkout()
    (place / "tests" / "habitats").mkdir(parents=True)
    shutil.copy(DRIVER, place / "tests" / "habitats" / "run")
    shutil.copytree(host.project, place / "toolbox" / "example")
    host.user(4711)
    host.environment["INFRA_IMAGE"] = "localhost/infra-toolbox:latest"
    host.answers.insert(0, ("find .*-type|find .*-perm", 0, ""))
    return host


def drive(host: FakeHost, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the driver of the checkout."""
    driver = host.folder / "checkout" / "tests" / "habitats" / "run"
    done = host.run(*words, launcher=driver)
    _, told, logs = done.stderr.rpartition("logs are in ")
    if told:
        shutil.rmtree(logs.strip())
    return done


def row(done: subprocess.CompletedProcess[str], habitat: str) -> list[str]:
    """Return the words of a habitat's row in the table."""
    (line,) = (line for line in done.stdout.splitlines() if line.startswith(f"{habitat} "))
    return line.split()[1:]


@pytest.mark.parametrize("word", ["--fast", "rootles"])
def test_what_there_is_not(driven: FakeHost, word: str) -> None:
    """An option or habitat that does not exist is a mistake in usage, with a hint."""
    done = drive(driven, word)

    assert done.returncode == 2
    assert word in done.stderr
    assert "hint:" in done.stderr
    assert not driven.calls()


@pytest.mark.parametrize(
    ("habitat", "uid", "reason"),
    [
        ("root", 4711, "needs root"),
        ("owner", 4711, "needs root"),
        ("rootless", 0, "--make-user"),
        ("rootless", 4711, "subordinate ids"),
        ("toolbox", 4711, "toolbox is not installed"),
        ("distrobox", 4711, "distrobox is not installed"),
        ("native", 4711, "needs root"),
        ("native", 0, "unshare is not installed"),
    ],
)
def test_what_is_missing_is_told(driven: FakeHost, habitat: str, uid: int, reason: str) -> None:
    """A habitat that cannot be tried is in the table with the reason; none at all is code 3."""
    driven.user(uid)

    done = drive(driven, habitat)

    assert done.returncode == 3
    assert "not run here:" in done.stdout
    assert reason in done.stdout
    assert not driven.calls("podman run")


@pytest.mark.parametrize("words", [[], ["make", "folder"], ["end"], ["ran", "folder", "true"]])
def test_a_folder_for_the_native_one_is_asked_for(driven: FakeHost, words: list[str]) -> None:
    """What makes a Debian in a folder, and removes it, guesses nothing."""
    done = driven.run(*words, launcher=DRIVER.with_name("native"))

    assert done.returncode == 2
    assert done.stderr.startswith("usage: native make FOLDER BASE IMAGE")
    assert not driven.calls()


def test_a_job_container_keeps_githubs_contract(driven: FakeHost) -> None:
    """It idles under tail, has a home and a workspace, and runs steps as files by sh -e."""
    driven.answers.insert(0, ("exec .*sh -e", 0, FINE))

    done = drive(driven, "github")

    assert done.returncode == 0, done.stdout + done.stderr
    assert row(done, "github") == ["ok", "ok", "ok", "ok", "ok", "ok"]
    (made,) = (call for call in driven.calls("podman run") if "--entrypoint" in call)
    assert made[made.index("--entrypoint") + 1] == "tail"
    assert made[-3:] == ["localhost/infra-toolbox:latest", "-f", "/dev/null"]
    assert {"HOME=/github/home", "GITHUB_ACTIONS=true", "CI=true"} <= set(made)
    assert all(call[-3:-1] == ["sh", "-e"] for call in driven.calls("podman exec"))
    assert not list((driven.folder / "home").glob("habitats-*"))


def test_a_boot_counts_its_proofs(driven: FakeHost) -> None:
    """With --boot the machine is booted, and asked again whether it stays as it is."""
    driven.answers.insert(0, ("exec .*sh -e", 0, FINE))

    done = drive(driven, "--boot", "github")

    assert done.returncode == 0, done.stdout + done.stderr
    assert row(done, "github") == ["ok"] * 3 + ["1", "proofs", "ok", "-"] + ["ok"] * 3


def test_a_bare_container_has_no_network(driven: FakeHost) -> None:
    """Every task is a container of its own, without network."""
    driven.answers.insert(0, ("run .*invoke", 0, FINE))

    assert drive(driven, "bare").returncode == 0
    calls = [call for call in driven.calls("podman run") if "invoke" in call]
    assert len(calls) == 4
    assert all("none" in call[call.index("--network") :][:2] for call in calls)


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (ANSWER % ("false", "It runs", "failed"), "not"),
        (ANSWER % ("true", "X", "passed"), "differs"),
    ],
)
def test_another_result_fails(driven: FakeHost, answer: str, word: str) -> None:
    """A habitat that says no, or something else than the first one, is not well."""
    driven.answers.insert(0, ("run .*invoke", 0, FINE))
    driven.answers.insert(0, ("exec .*sh -e", 0, answer))

    done = drive(driven, "bare", "github")

    assert done.returncode == 1
    assert row(done, "bare")[2] == "ok"
    assert row(done, "github")[2] == word


@pytest.mark.parametrize(
    ("other", "word"),
    [("github: a", "no"), ("/github/home/.local", "state")],
)
def test_another_place_fails(driven: FakeHost, other: str, word: str) -> None:
    """A habitat that is taken for another, or has its state elsewhere, is not well."""
    driven.answers.insert(0, ("exec .*sh -e", 0, FINE.replace(other, "elsewhere")))

    done = drive(driven, "github")

    assert done.returncode == 1
    assert row(done, "github")[1] == word


def test_a_person_is_told_that_the_network_stays(driven: FakeHost) -> None:
    """Only root can take it away; what is not proven is said."""
    driven.answers.insert(0, ("exec .*sh -e", 0, FINE))

    assert "the network" in drive(driven, "github").stderr


def test_root_without_a_network(driven: FakeHost) -> None:
    """Root's driver begins anew where there is none, and a network that is still there fails."""
    driven.user(0)
    driven.fake("ip")
    unshare = driven.folder / "bin" / "unshare"
    unshare.write_text('#!/bin/sh\nshift && exec "$@"\n')
    unshare.chmod(0o755)

    done = drive(driven, "github")

    assert done.returncode == 1
    assert done.stderr.endswith("there is a network\n")
    assert not driven.calls("podman")


def test_files_of_somebody_else_fail(driven: FakeHost) -> None:
    """One file that the person cannot delete is one too many."""
    driven.answers.insert(0, ("exec .*sh -e", 0, FINE))
    driven.answers.insert(0, ("find .*-user", 0, "/home/ana/state\n"))

    done = drive(driven, "github")

    assert done.returncode == 1
    assert "foreign" in row(done, "github")


def test_a_container_that_stays_fails(driven: FakeHost) -> None:
    """What bears our mark must be gone when the habitat has been left."""
    driven.answers.insert(0, ("exec .*sh -e", 0, FINE))
    podman = driven.folder / "bin" / "podman"
    podman.rename(driven.folder / "bin" / "podman.fake")
    podman.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *--entrypoint*) for word; do case $word in habitats-*) echo "$word" '
        f">{driven.folder}/stays ;; esac; done ;;\n"
        f'*"ps -a"*) [ ! -f {driven.folder}/stays ] || cat {driven.folder}/stays ;; esac\n'
        'exec podman.fake "$@"\n'
    )
    podman.chmod(0o755)

    done = drive(driven, "github")

    assert done.returncode == 1
    assert row(done, "github")[-2:] == ["1", "left"]


def test_a_launcher_that_cannot_is_quoted(driven: FakeHost) -> None:
    """Where ./infra finds no way to start a container, its sentence is the reason."""
    driven.answers.insert(0, ("run --rm", 125, "Error: no\n"))

    done = drive(driven, "github")

    assert done.returncode == 3
    assert "cannot start a container" in done.stdout


@pytest.mark.parametrize(("code", "end"), [(0, 3), (1, 1)])
def test_test_all_tries_two_habitats_first(driven: FakeHost, code: int, end: int) -> None:
    """The launcher runs the driver on the host, then the tests; what fails first is told last."""
    driven.answers.insert(0, ("invoke test.all", code, ""))
    launcher = driven.checkout_path()
    driver = driven.folder / "checkout" / "tests" / "habitats" / "run"
    driver.write_text(f'#!/bin/sh\necho "$*" >{driven.folder}/driven\nexit 3\n')

    done = driven.run("test.all", launcher=launcher)

    assert done.returncode == end
    assert ("but not the habitats" in done.stderr) == (code == 0)
    assert (driven.folder / "driven").read_text() == "--boot root rootless github\n"
    assert [call for call in driven.calls("podman exec") if "test.all" in call]
    planned = driven.run("--dry-run", "test.all", launcher=launcher)
    assert "tests/habitats/run --boot root rootless github" in planned.stdout
