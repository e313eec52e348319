"""The program behind `invoke` and `inv`: Invoke's, with our exit codes, suggestions and task tree.

Plain Invoke exits 1 on usage errors and on Ctrl-C, suggests nothing, and finds no tasks outside a
project. A project's own tasks.py wins over the tasks that are shipped.
"""

from __future__ import annotations

import difflib
import errno
import gc
import inspect
import os
import re
import shlex
import signal
import sys
import traceback
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from invoke.collection import Collection
from invoke.exceptions import Exit, ParseError, UnexpectedExit
from invoke.program import Program

import toolbox
from toolbox.lib.core.errors import Interrupted, ToolboxError, UsageError
from toolbox.tasks import show, usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

    from invoke.parser import Parser
    from invoke.parser.context import ParserContext

UNKNOWN = re.compile(r"No idea what '(?P<word>.+)' is!")
NO_NUMBER = re.compile(r"invalid literal for int\(\).*: '(?P<word>.*)'$")
EXAMPLES = "Examples:"
JSON_OPTION = "--json"
FORMATS = ("flat", "nested", "json")
TWICE = re.compile(r"^\S+ \((\S+)\)$")
"""The default task of a collection in a list of Invoke's: ``sim.sim (sim)``."""

ABOUT = "infra-toolbox: Butane templates become running, checked machines; begin with `invoke sim`."
FULL = (errno.ENOSPC, errno.EDQUOT)


class ToolboxProgram(Program):
    """Invoke's program with the manners of infra-toolbox."""

    def run(self, argv: list[str] | str | None = None, exit: bool = True) -> None:  # noqa: A002, FBT001, FBT002 - Invoke's names
        """Run what the command line asks for.

        Args:
            argv: Command line with the program's name first; the process's own by default.
            exit: Whether to end the process; a failure is raised otherwise.
        """
        words = shlex.split(argv) if isinstance(argv, str) else list(argv or sys.argv)
        show.forget()
        code, problem = self._attempt(words, exit)
        if problem is not None and code:
            self._emit_error(words, problem)
        if exit:
            # Reason: Python would look for garbage among all that was imported before it goes.
            gc.freeze()
            sys.exit(code)

    def _attempt(self, words: list[str], exit: bool) -> tuple[int, ToolboxError | None]:  # noqa: A002, FBT001 - Invoke's name
        """Do it; return the exit code, and what went wrong where it has been said."""
        problem: ToolboxError
        try:
            self._work(words)
        except ToolboxError as error:
            if not exit:
                raise
            show.error(error)
            return error.exit_code, error
        except Exit as end:
            if end.message:
                show.say(end.message)
            return end.code, ToolboxError(end.message) if end.message else None
        except UnexpectedExit as failure:
            return failure.result.exited, ToolboxError(str(failure))
        except BrokenPipeError:
            _close_stdout()
        except KeyboardInterrupt:
            problem = Interrupted("interrupted; what was begun has been cleaned up")
            show.say(problem.message)
            return problem.exit_code, problem
        except Exception as unforeseen:  # noqa: BLE001 - the last handler
            problem = _told(unforeseen)
            return problem.exit_code, problem
        return 0, None

    def _work(self, words: list[str]) -> None:
        _apply_env()
        self.create_config()
        try:
            self.parse_core(_with_one_rest(words))
            self.parse_collection()
            self.core.unparsed[:] = self._named(self.core.unparsed)
            self.parse_tasks()
            self.parse_cleanup()
        except ParseError as error:
            raise self._misunderstood(error) from error
        except Exit as end:
            # Reason: no task has run yet, so Invoke complains of the call, or has done all of it.
            if not end.message:
                raise
            raise UsageError(end.message, hint=f"{self.binary} --list shows all") from end
        except ValueError as error:
            raise self._no_number(words, error) from error
        self.update_config()
        self.execute()

    def _emit_error(self, words: Sequence[str], problem: ToolboxError) -> None:
        """Print a failure as the data of the task that was asked for JSON and has printed none."""
        task = self._mute(words)
        if task is None:
            return
        try:
            show.emit_error(task, problem)
        except BrokenPipeError:
            _close_stdout()

    def _mute(self, words: Sequence[str]) -> str | None:
        """Return the task that was asked for JSON and has printed none."""
        parsed: Sequence[ParserContext] = getattr(self, "tasks", ())
        if parsed:
            wanting = (context for context in parsed if _wants_json(context))
            asked = (self._spoken(context.name or "") for context in wanting)
            return next((name for name in asked if not show.emitted(name)), None)
        # Reason: the call was not understood, so only its words tell what was wanted.
        own = words[1 : words.index("--")] if "--" in words else words[1:]
        if JSON_OPTION not in own:
            return None
        named = [word for word in own[: own.index(JSON_OPTION)] if not word.startswith("-")]
        return named[0] if named else self.binary

    def load_collection(self) -> None:
        """Load the project's tasks.py, or the shipped tasks where there is none."""
        if not self.args.collection.value and not _has_tasks(self.args["search-root"].value):
            from toolbox.tasks import ns

            module = ModuleType("tasks")
            vars(module)["ns"] = ns
            self.collection = Collection.from_module(module)
            return
        try:
            super().load_collection()
        except (ToolboxError, Exit):
            raise
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            file, line = place.filename, place.lineno
            if isinstance(error, SyntaxError):
                file, line = error.filename or file, error.lineno or line
            message = f"{file}:{line}: the project's tasks cannot be loaded: {error}"
            hint = "invoke uses the shipped tasks in a folder without tasks.py"
            raise UsageError(message, hint=hint) from error

    def parse_cleanup(self) -> None:
        """Do what options of the program ask for; complete names of hosts as well as Invoke's."""
        if self.args.complete.value:
            last = next(
                (
                    word
                    for word in reversed(self.core.remainder.split())
                    if word in self.parser.contexts
                ),
                None,
            )
            flags = self.parser.contexts[last].flags if last else {}
            if {usage.NAME, usage.HOSTS} & set(flags):
                for name in _host_names():
                    show.data(name)
        super().parse_cleanup()

    def no_tasks_given(self) -> None:
        """List the tasks, as there is nothing else to do."""
        self.list_tasks()
        show.next_step("invoke TASK --help explains a task; invoke sim is where to begin")
        raise Exit

    def print_columns(self, tuples: Sequence[tuple[str, str | None]]) -> None:
        """Print names and what they are, as wide as the terminal or COLUMNS says."""
        for line in usage.columns(tuples):
            show.data(line)
        show.data("")

    def _make_pairs(
        self, coll: Collection, ancestors: list[str] | None = None
    ) -> list[tuple[str, str | None]]:
        pairs = super()._make_pairs(coll, ancestors)
        return [(TWICE.sub(r"\1", name), text) for name, text in pairs]

    def list_tasks(self) -> None:
        """List the tasks, in one of Invoke's formats."""
        if self.list_format not in FORMATS:
            message = f"there is no format {self.list_format} of lists"
            raise UsageError(message, hint=f"there are {', '.join(FORMATS)}")
        super().list_tasks()

    def print_help(self) -> None:
        """Print the program's options, then the tasks."""
        show.data(f"{ABOUT}\n")
        super().print_help()
        if self.namespace is None:
            self.load_collection()
            self.scoped_collection, self.list_root = self.collection, None
            self.list_depth, self.list_format = None, "flat"
            self.list_tasks()

    def print_task_help(self, name: str) -> None:
        """Print what a task does, its options, and examples."""
        task = self.collection[name]
        text, _, examples = (inspect.getdoc(task) or "").partition(EXAMPLES)
        options = usage.options(self.parser.contexts[name])
        positional = usage.positional(self.parser.contexts[name])
        name = self._spoken(name)
        show.data(f"usage: {self.binary} {name}{' [options]' if options else ''}{positional}\n")
        show.data(f"{usage.paragraphs(text.strip())}\n")
        if options:
            show.data("options:")
            self.print_columns(options)
        if examples.strip():
            show.data(f"examples:\n{_indented(examples)}")

    def _make_parser(self) -> Parser:
        # Reason: Invoke takes the words of help out of the tasks when it makes a parser, so a
        # second one would have none.
        tasks = [self.collection[name] for name in self.collection.task_names]
        words = [dict(task.help) for task in tasks]
        parser = super()._make_parser()
        for task, kept in zip(tasks, words, strict=True):
            task.help = kept
        return parser

    def _spoken(self, name: str) -> str:
        """Return how one calls a task."""
        return usage.spoken(name, self.parser.contexts[name].aliases)

    def _named(self, words: Sequence[str]) -> list[str]:
        """Give a bare word behind a task to the option that it stands for: ``sim.ssh web``.

        Invoke takes a positional word only for a parameter that has no default, and then takes
        any for it, ``--help``, too.
        """
        contexts = self._make_parser().contexts
        flags: Mapping[str, Any] = {}
        named: list[str] = []
        wants_value = False
        for word in words:
            if word in contexts:
                flags = contexts[word].flags
            elif (
                (word == "-" or not word.startswith("-")) and not wants_value and usage.bare(flags)
            ):
                named.append(f"{usage.bare(flags)}={word}")
                continue
            wants_value = word in flags and flags[word].takes_value
            named.append(word)
        return named

    def _misunderstood(self, error: ParseError) -> UsageError:
        match = UNKNOWN.search(str(error))
        if match is None:
            return UsageError(str(error), hint=f"{self.binary} --help explains how it is called")
        word = match["word"]
        parser = getattr(self, "parser", None)
        contexts = parser.contexts if parser is not None else self._make_parser().contexts
        if word.startswith("-"):
            given = error.context.name if error.context is not None else None
            known = list(contexts[given].flags if given else self.initial_context.flags)
            call = f"{self.binary} {self._spoken(given)}" if given else self.binary
            hint = f"{call} --help shows its options"
            what = f"{self._spoken(given) if given else self.binary} has no option {word}"
        else:
            known = [usage.spoken(name, own.aliases) for name, own in contexts.items()]
            what = f"there is no task {word}"
            hint = f"{self.binary} --list shows all"
        within = [name for name in known if name.startswith(f"{word}.")]
        if within:
            return UsageError(what, hint=f"tasks of {word}: {', '.join(within)}")
        near = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
        return UsageError(what, hint=f"did you mean {' or '.join(near)}?" if near else hint)

    def _no_number(self, words: Sequence[str], error: ValueError) -> UsageError:
        """Return the error of an option that takes a number and was given something else."""
        match = NO_NUMBER.search(str(error))
        value = match["word"] if match else ""
        pairs = pairwise(words)
        apart = [option for option, word in pairs if word == value and option.startswith("--")]
        joined = [word.removesuffix(f"={value}") for word in words if word.endswith(f"={value}")]
        option = next(iter((*apart, *joined)), "an option")
        hint = f"{self.binary} TASK --help shows what each option takes"
        return UsageError(f"{option} takes a whole number, not '{value}'", hint=hint)


def main(argv: Sequence[str] | None = None) -> None:
    """Run `invoke`; the entry point of the console scripts."""
    signal.signal(signal.SIGTERM, _terminated)
    program = ToolboxProgram(
        name="infra-toolbox",
        version=toolbox.__version__,
        binary="invoke",
        binary_names=["invoke", "inv"],
    )
    program.run(list(argv) if argv is not None else None)


def _told(unforeseen: Exception) -> ToolboxError:
    """Tell of what nothing in the library has caught: a full disk, or a mistake of ours."""
    if isinstance(unforeseen, OSError) and unforeseen.errno in FULL:
        problem = ToolboxError(f"{unforeseen.filename or 'a file'}: {unforeseen.strerror}")
        show.error(problem)
        return problem
    show.say(traceback.format_exc())
    show.say("error: this is a mistake in infra-toolbox; please report the lines above")
    return ToolboxError("this is a mistake in infra-toolbox", hint="please report it")


def _host_names() -> list[str]:
    """Return the names of the hosts of the project here, by their files alone."""
    from toolbox.lib.inventory.project import HOSTS_FOLDER, find_root

    root = find_root(Path.cwd())
    return sorted(path.stem for path in (root / HOSTS_FOLDER).glob("*.yaml")) if root else []


def _apply_env() -> None:
    """Set the variables that the project's .env has; most projects have none."""
    from toolbox.lib.inventory.project import find_root

    root = find_root(Path.cwd())
    if root is not None and (root / ".env").exists():
        from toolbox.lib.vault import env

        env.apply(root)


def _close_stdout() -> None:
    # Reason: whoever read our output has seen enough (`invoke --list | head`); the flush at the
    # end of the process must not complain once more.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _wants_json(context: ParserContext) -> bool:
    """Tell whether a task was asked to print its data as JSON."""
    return JSON_OPTION in context.flags and bool(context.flags[JSON_OPTION].value)


def _terminated(_signal: int, _frame: FrameType | None) -> NoReturn:
    # Reason: the first process of a container has no default action for SIGTERM; like Ctrl-C it
    # must unwind the stack, so that everything begun is ended.
    raise KeyboardInterrupt


def _with_one_rest(words: list[str]) -> list[str]:
    """Fold the words after ``--`` into one, quoted, as Invoke would join them by blanks."""
    if "--" not in words:
        return words
    place = words.index("--")
    return [*words[:place], "--", shlex.join(words[place + 1 :])]


def _has_tasks(start: str | None) -> bool:
    folder = Path(start or ".").absolute()
    places = ("tasks.py", "tasks/__init__.py")
    return any((above / name).exists() for above in (folder, *folder.parents) for name in places)


def _indented(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines()]
    return "\n".join(f"  {line}" for line in lines)
