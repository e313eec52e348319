"""The program: exit codes, suggestions, whose tasks they are, and whose mistake it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ended

OWN = """
@task(help={"name": "whom"})
def greet(context, name="world", loud=False):
    '''Greet.

    Examples:
        invoke greet web
    '''
    print("hello", name, "!" if loud else ".")

@task
def words(context):
    '''Print the words after two dashes.'''
    from toolbox.tasks import show
    print(show.rest(context))

@task
def ask(context, name):
    '''Need a name.'''
"""
RAISES = """
from toolbox.lib.core.errors import *
from toolbox.lib.core.report import Finding, Severity
from invoke.exceptions import Exit
@task
def fail(context):
    raise {what}
"""


def test_done(invoke: Callable[..., Ended], tasks: Callable[[str], None]) -> None:
    """A task that did what was asked exits 0, its words on stdout."""
    tasks(OWN)

    ended = invoke("greet", "--name", "web")

    assert (ended.code, ended.out, ended.err) == (0, "hello web .\n", "")


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["greet", "web"], "hello web ."),
        (["greet", "web", "--loud"], "hello web !"),
        (["greet", "--loud", "web"], "hello web !"),
        (["greet", "ask", "greet"], "hello world ."),
        (["greet"], "hello world ."),
        (["greet", "--name", "db"], "hello db ."),
        (["ask", "me"], ""),
    ],
)
def test_a_bare_word_is_the_name(
    invoke: Callable[..., Ended], tasks: Callable[[str], None], words: list[str], out: str
) -> None:
    """A word behind a task is its name, unless it is a task."""
    tasks(OWN)

    assert invoke(*words).out.strip() == out


def test_unknown_task(invoke: Callable[..., Ended]) -> None:
    """A task that does not exist is an error of the call, with a suggestion."""
    ended = invoke("sim.upp")

    assert ended.code == 2
    assert not ended.out
    assert "error: there is no task sim.upp\n" in ended.err
    assert "hint: did you mean sim.up" in ended.err


def test_unknown_task_like_none(invoke: Callable[..., Ended]) -> None:
    """A word that is like no task leads to the list."""
    ended = invoke("zzzzzz")

    assert ended.code == 2
    assert "--list" in ended.err


def test_name_of_a_collection(invoke: Callable[..., Ended]) -> None:
    """A collection that is no task itself leads to its tasks."""
    ended = invoke("env")

    assert ended.code == 2
    assert ended.err == "error: there is no task env\n\nhint: tasks of env: env.build, env.clean\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--list", "nosuch"], "error: Sub-collection 'nosuch' not found!\n"),
        (["--list", "--list-format=odd"], "error: there is no format odd of lists\n"),
        (["--collection", "nosuch", "greet"], "error: Can't find any collection named 'nosuch'!\n"),
    ],
)
def test_wrong_options_of_the_program(
    invoke: Callable[..., Ended], words: list[str], told: str
) -> None:
    """What Invoke itself refuses is an error of the call, too, with a hint."""
    ended = invoke(*words)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"{told}\nhint: ")


def test_unknown_option(invoke: Callable[..., Ended]) -> None:
    """An option that does not exist is an error of the call, with a suggestion."""
    ended = invoke("sim", "--acel", "tcg")

    assert ended.code == 2
    assert ended.err.startswith("error: sim has no option --acel\n")
    assert "did you mean --accel" in ended.err


def test_unknown_option_like_none(invoke: Callable[..., Ended]) -> None:
    """An option that is like none leads to the options of the task."""
    ended = invoke("sim", "--zzzzzz")

    assert ended.err.endswith("hint: invoke sim --help shows its options\n")


def test_names_as_one_calls_them(invoke: Callable[..., Ended]) -> None:
    """A task that goes by the name of its collection is listed and suggested by that alone."""
    assert "hint: did you mean sim or sim.up?" in invoke("simu").err
    for listed in (invoke("help").out, invoke("--list").out):
        lines = [line.split()[0] for line in listed.splitlines() if line.startswith("  ")]
        assert "sim" in lines
        assert not [line for line in listed.splitlines() if "sim.sim" in line]


@pytest.mark.parametrize("words", [["--deadline", "soon"], ["--deadline=soon"]], ids=" ".join)
def test_wrong_value(invoke: Callable[..., Ended], words: list[str]) -> None:
    """A value of the wrong kind is an error of the call, which names the option."""
    ended = invoke("sim", *words)

    assert ended.code == 2
    assert ended.err.startswith("error: --deadline takes a whole number, not 'soon'\n\nhint: ")


@pytest.mark.parametrize(
    ("what", "code", "told"),
    [
        ("ToolboxError('no room', hint='make some')", 1, "error: no room\n\nhint: make some\n"),
        ("UsageError('no such host')", 2, "error: no such host\n"),
        ("HabitatError('no kvm')", 3, "error: no kvm\n"),
        ("VerificationError('forged')", 4, "error: forged\n"),
        ("DeadlineError('too long')", 124, "error: too long\n"),
        ("KeyboardInterrupt", 130, "interrupted; what was begun has been cleaned up\n"),
        ("Exit(code=7)", 7, ""),
        ("Exit('enough', code=5)", 5, "enough\n"),
    ],
)
def test_exit_codes(
    invoke: Callable[..., Ended], tasks: Callable[[str], None], what: str, code: int, told: str
) -> None:
    """Each kind of end has its exit code and its words, on stderr."""
    tasks(RAISES.format(what=what))

    ended = invoke("fail")

    assert (ended.code, ended.out, ended.err) == (code, "", told)


def test_our_mistake(invoke: Callable[..., Ended], tasks: Callable[[str], None]) -> None:
    """Whatever else is raised is our mistake, and shows where."""
    tasks(RAISES.format(what="ZeroDivisionError('x')"))

    ended = invoke("fail")

    assert ended.code == 1
    assert "Traceback" in ended.err
    assert "this is a mistake in infra-toolbox" in ended.err


@pytest.mark.parametrize(
    "what",
    [
        'OSError(28, "No space left on device", "/state/file")',
        'ToolboxError("virsh failed: write: No space left on device")',
    ],
    ids=["ours", "another program's"],
)
def test_full_disk(invoke: Callable[..., Ended], tasks: Callable[[str], None], what: str) -> None:
    """A full disk is nobody's mistake; where room can be made is told."""
    tasks(RAISES.format(what=what))

    ended = invoke("fail")

    assert ended.code == 1
    assert "No space left on device" in ended.err
    assert "hint: make room: invoke doctor" in ended.err
    assert "mistake in infra-toolbox" not in ended.err


def test_findings(invoke: Callable[..., Ended], tasks: Callable[[str], None]) -> None:
    """Places in what a person wrote come before the error, each on its line."""
    finding = "Finding('main.bu', 12, 3, Severity.ERROR, 'x', 'no', 'do')"
    tasks(RAISES.format(what=f"UsageError('wrong', findings=[{finding}])"))

    assert invoke("fail").err == "main.bu:12:3: error[x]: no\n  hint: do\nerror: wrong\n"


def test_annotations(
    invoke: Callable[..., Ended], tasks: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a workflow of GitHub findings are annotations, with what would end them escaped."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    finding = r"Finding('a,b:c.bu', 12, None, Severity.WARNING, 'x', '50%\nmore', 'do')"
    tasks(RAISES.format(what=f"UsageError('wrong', findings=[{finding}])"))

    assert invoke("fail").err.startswith("::warning file=a%2Cb%3Ac.bu,line=12::50%25%0Amore (do)\n")


@pytest.mark.parametrize(
    "words", [["a b", "c"], ["it's"], ["$HOME", "*", '"'], ["--list"], ["-x", "--", "y"]]
)
def test_words_after_the_dashes(
    invoke: Callable[..., Ended], tasks: Callable[[str], None], words: list[str]
) -> None:
    """Words after two dashes arrive as they were given."""
    tasks(OWN)

    ended = invoke("words", "--", *words)

    assert (ended.code, ended.out) == (0, f"{words}\n")


def test_no_words_after_the_dashes(
    invoke: Callable[..., Ended], tasks: Callable[[str], None]
) -> None:
    """There need not be any."""
    tasks(OWN)

    assert invoke("words", "--").out == "[]\n"
    assert invoke("words").out == "[]\n"


def test_own_tasks_win(invoke: Callable[..., Ended], tasks: Callable[[str], None]) -> None:
    """A project's own tasks.py is used instead of the shipped tasks."""
    tasks(OWN)

    ended = invoke("--list")

    assert "greet" in ended.out
    assert "sim" not in ended.out


def test_own_tasks_of_a_folder_above(
    invoke: Callable[..., Ended],
    tasks: Callable[[str], None],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The project's tasks.py is found from its folders."""
    tasks(OWN)
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")

    assert invoke("greet").out == "hello world .\n"


def test_shipped_tasks(invoke: Callable[..., Ended]) -> None:
    """Without a tasks.py there are the shipped tasks."""
    ended = invoke("--list")

    assert ended.code == 0
    assert "sim.up" in ended.out


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("def broken(:\n", "tasks.py:2: "),
        ("\nimport no_such_module\n", "tasks.py:3: "),
        ("no_such_name\n", "tasks.py:2: "),
        ("1 / 0\n", "tasks.py:2: "),
    ],
    ids=["syntax", "import", "name", "other"],
)
def test_broken_tasks(
    invoke: Callable[..., Ended], tasks: Callable[[str], None], folder: Path, text: str, place: str
) -> None:
    """A tasks.py that is broken says where, and is no mistake of ours."""
    tasks(text)

    ended = invoke("sim")

    assert ended.code == 2
    assert f"error: {folder}/{place}the project's tasks cannot be loaded: " in ended.err
    assert "Traceback" not in ended.err


def test_nothing_given(invoke: Callable[..., Ended]) -> None:
    """Without a task the tasks are listed, with the next step."""
    ended = invoke()

    assert ended.code == 0
    assert "sim.up" in ended.out
    assert "next: " in ended.err


def test_help(invoke: Callable[..., Ended]) -> None:
    """Help of the program lists options and tasks."""
    ended = invoke("--help")

    assert ended.code == 0
    assert "`invoke sim`" in ended.out.splitlines()[0]
    assert "--version" in ended.out
    assert "sim.up" in ended.out


def test_help_of_a_task(invoke: Callable[..., Ended], tasks: Callable[[str], None]) -> None:
    """Help of a task tells usage, options and examples."""
    tasks(OWN)

    ended = invoke("greet", "--help")

    assert ended.code == 0
    assert ended.out.startswith("usage: invoke greet [options] [NAME]\n\nGreet.\n\noptions:\n")
    assert "whom" in ended.out
    assert ended.out.rstrip().endswith("examples:\n  invoke greet web")


def test_version(invoke: Callable[..., Ended]) -> None:
    """The version is ours, not Invoke's."""
    assert invoke("--version").out == "infra-toolbox 1\n"


FAILING = """
from toolbox.tasks import show
from toolbox.lib.core.errors import *
from toolbox.lib.core.report import Finding, Severity
@task
def fail(context, json=False):
    raise {what}

@task
def said(context, json=False):
    show.emit("said", [], ok=False)
    show.fail("no")
"""


@pytest.mark.parametrize(
    ("what", "code", "finding"),
    [
        ("ToolboxError('no room', hint='make some')", 1, ("toolbox", "no room", "make some")),
        ("UsageError('no such host')", 2, ("usage", "no such host", None)),
        ("HabitatError('no kvm')", 3, ("habitat", "no kvm", None)),
        ("DeadlineError('late')", 124, ("deadline", "late", None)),
        (
            "KeyboardInterrupt",
            130,
            ("interrupted", "interrupted; what was begun has been cleaned up", None),
        ),
        (
            "ZeroDivisionError",
            1,
            ("toolbox", "this is a mistake in infra-toolbox", "please report it"),
        ),
        (
            "UsageError('x', findings=[Finding('a', 1, 2, Severity.ERROR, 'odd', 'wrong', 'do')])",
            2,
            ("odd", "wrong", "do"),
        ),
    ],
)
def test_failures_as_json(
    invoke: Callable[..., Ended],
    tasks: Callable[[str], None],
    what: str,
    code: int,
    finding: tuple[str, str, str | None],
) -> None:
    """A task that was asked for JSON and fails prints its envelope, and keeps its exit code."""
    tasks(FAILING.format(what=what))

    ended = invoke("fail", "--json")

    data = json.loads(ended.out)
    (told,) = data["findings"]
    assert (ended.code, data["schema"], data["ok"]) == (code, "infra-toolbox/fail/1", False)
    assert (told["code"], told["message"], told["hint"]) == finding
    assert finding[1] in ended.err


def test_one_envelope(invoke: Callable[..., Ended], tasks: Callable[[str], None]) -> None:
    """A task that has printed its envelope and then fails prints no other."""
    tasks(FAILING.format(what="UsageError('x')"))

    for _ in range(2):
        ended = invoke("said", "--json")

        assert json.loads(ended.out)["schema"] == "infra-toolbox/said/1"
        assert ended.code == 1


def test_no_envelope_without_asking(
    invoke: Callable[..., Ended], tasks: Callable[[str], None]
) -> None:
    """A task that was not asked for JSON prints none, nor one that comes after it."""
    tasks(FAILING.format(what="UsageError('x')"))

    assert invoke("fail").out == ""
    assert invoke("words", "--", "--json").out == ""


@pytest.mark.parametrize(
    ("words", "schema"),
    [
        (["sim.lst", "--json"], "infra-toolbox/sim.lst/1"),
        (["sim.list", "--nosuch", "--json"], "infra-toolbox/sim.list/1"),
        (["--json"], "infra-toolbox/invoke/1"),
    ],
)
def test_wrong_calls_as_json(invoke: Callable[..., Ended], words: list[str], schema: str) -> None:
    """A call that is not understood, but asks for JSON, gets it."""
    ended = invoke(*words)

    data = json.loads(ended.out)
    assert (ended.code, data["schema"], data["ok"]) == (2, schema, False)
    assert data["findings"][0]["code"] == "usage"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("invoke host.render ", True),
        ("invoke host.render w", True),
        ("invoke project.check --hosts ", True),
        ("invoke butane.translate ", False),
        ("invoke ", False),
    ],
)
def test_completion(invoke: Callable[..., Ended], folder: Path, line: str, expected: bool) -> None:
    """Names of hosts are completed where one can name hosts, and tasks as ever."""
    (folder / "hosts").mkdir()
    (folder / "project.yaml").write_text("broken: [\n")
    (folder / "hosts/web.yaml").write_text("")

    ended = invoke("--complete", "--", *line.split())

    words = ended.out.split()
    assert ended.code == 0
    assert ("web" in words) is expected
    if not line.rstrip().endswith("--hosts"):
        assert "host.why" in words
