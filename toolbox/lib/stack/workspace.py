"""Pulumi workspaces: a file backend, a passphrase, the baked plugins, and no stale lock."""

from __future__ import annotations

import json
import os
import shutil
import signal
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolbox.lib.core.errors import HabitatError, ToolboxError
from toolbox.lib.core.files import private_directory, state_home, write_atomic
from toolbox.lib.core.lock import exclusive
from toolbox.lib.core.run import run, which
from toolbox.lib.core.wait import until
from toolbox.lib.stack import provider, settled, statefile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pulumi.automation import EngineEvent, PulumiCommand, Stack

    from toolbox.lib.core.run import Result
    from toolbox.lib.core.secret import Secret

PLUGINS = Path("/usr/local/share/pulumi/plugins")
ENGINE = frozenset({"destroy", "down", "import", "preview", "refresh", "up", "update"})
"""Commands of Pulumi that ask providers."""

SAME = "same"
INTERRUPT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Changes:
    """What an update did.

    Attributes:
        operations: Number of resources by Pulumi's operation, such as ``create`` or ``same``.
        resources: Names of the resources that were not the same, with the operation.
    """

    operations: Mapping[str, int]
    resources: tuple[tuple[str, str], ...]

    @property
    def nothing(self) -> bool:
        """Whether the stack was already as wanted."""
        return not self.resources

    def sentence(self) -> str:
        """Return the changes in one line, such as ``3 create, 5 same``."""
        if self.nothing:
            return f"no change ({self.operations.get(SAME, 0)} resources as they were)"
        return ", ".join(f"{count} {name}" for name, count in sorted(self.operations.items()))


@dataclass(slots=True)
class _Events:
    """Collects what the engine tells during one run."""

    resources: list[tuple[str, str]] = field(default_factory=list)
    same: int = 0
    errors: list[str] = field(default_factory=list)

    def __call__(self, event: EngineEvent) -> None:
        step = event.res_outputs_event
        if step is not None and step.metadata.type != "pulumi:pulumi:Stack":
            operation = str(getattr(step.metadata.op, "value", step.metadata.op))
            if operation == SAME:
                self.same += 1
            else:
                self.resources.append((step.metadata.urn.rsplit("::", 1)[-1], operation))
        told = event.diagnostic_event
        if told is not None and told.severity == "error":
            self.errors.append(told.message.strip())

    def changes(self) -> Changes:
        operations: dict[str, int] = {SAME: self.same} if self.same else {}
        for _, operation in self.resources:
            operations[operation] = operations.get(operation, 0) + 1
        return Changes(operations, tuple(self.resources))


@dataclass(frozen=True, slots=True)
class Workspace:
    """One Pulumi project with its file backend.

    Attributes:
        project: Pulumi project name.
        folder: Holds ``Pulumi.yaml``, the stacks' settings and the backend ``.pulumi``.
        passphrase: Encrypts the secrets of all its stacks.
    """

    project: str
    folder: Path
    passphrase: Secret

    def environment(self) -> dict[str, str]:
        """Return the environment in which Pulumi works on this workspace and nothing else."""
        return {
            "PULUMI_BACKEND_URL": f"file://{self.folder}",
            "PULUMI_CONFIG_PASSPHRASE": self.passphrase.reveal(),
            "PULUMI_HOME": str(pulumi_home()),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
        }

    def stacks(self) -> tuple[str, ...]:
        """Return the names of the stacks that exist."""
        return tuple(sorted(path.stem for path in self._state("*").parent.glob("*.json")))

    def _state(self, stack: str) -> Path:
        return self.folder / ".pulumi" / "stacks" / self.project / f"{stack}.json"

    def up(
        self, stack: str, program: Callable[[], None], *, replace: Sequence[str] = ()
    ) -> Changes:
        """Create or update a stack to what a program declares.

        The engine is not started where it has done just that before (`settled`).

        Args:
            stack: Name of the stack.
            program: Declares the resources.
            replace: URNs of resources to make anew.

        Returns:
            What changed.

        Raises:
            ToolboxError: The engine or a provider failed.
        """
        memory, state = self.folder / f"{stack}.settled", self._state(stack)
        if not replace and settled.holds(memory, settled.digest(program, state, _tools())):
            return Changes({SAME: settled.resources(state)}, ())
        # Reason: an update that is cut off leaves a state of which nothing is known.
        memory.unlink(missing_ok=True)
        before = state.read_bytes() if state.is_file() else b""
        changes = self._engine(
            stack,
            program,
            lambda opened, events: opened.up(
                on_event=events, color="never", replace=list(replace) or None
            ),
        )
        if before and changes.nothing:
            self._settle(state, before)
        settled.remember(memory, settled.digest(program, state, _tools()), program)
        return changes

    def _settle(self, state: Path, before: bytes) -> None:
        """Leave a state as it was before an update that has changed nothing."""
        # Reason: the engine seals every secret anew, and git would show changes where none are.
        if statefile.alike(before, state.read_bytes(), self.passphrase):
            write_atomic(state, before)

    def preview(
        self, stack: str, program: Callable[[], None], *, replace: Sequence[str] = ()
    ) -> Changes:
        """Return what `up` would change; nothing is changed."""
        return self._engine(
            stack,
            program,
            lambda opened, events: opened.preview(
                on_event=events, color="never", replace=list(replace) or None
            ),
        )

    def refresh(self, stack: str) -> Changes:
        """Read what really is there into the state."""
        return self._engine(
            stack,
            _nothing,
            lambda opened, events: opened.refresh(on_event=events, color="never"),
        )

    def remove(self, stack: str) -> Changes:
        """Destroy all resources of a stack, then forget it; a stack that is not there is fine."""
        if stack not in self.stacks():
            return Changes({}, ())
        changes = self._engine(
            stack,
            _nothing,
            lambda opened, events: opened.destroy(on_event=events, color="never"),
        )
        statefile.forget(self._state(stack))
        self.pulumi("stack", "rm", "--yes", "--stack", stack)
        (self.folder / f"{stack}.settled").unlink(missing_ok=True)
        return changes

    def outputs(self, stack: str, *, secrets: bool = True) -> dict[str, Any]:
        """Return a stack's outputs; empty for a stack that is not there.

        They are read from the state itself. The CLI, which takes seconds to start, is asked only
        where that has a form that we do not know.

        Args:
            stack: Name of the stack.
            secrets: Whether secrets are in clear: give them a type before they go anywhere.
        """
        if stack not in self.stacks():
            return {}
        with suppress(statefile.Unreadable):
            return statefile.outputs(self._state(stack), self.passphrase, secrets=secrets)
        clear = ["--show-secrets"] if secrets else []
        answer = self.pulumi("stack", "output", "--json", *clear, "--stack", stack)
        outputs: dict[str, Any] = json.loads(answer.stdout)
        return outputs

    def known(self, stack: str, program: Callable[[], None]) -> dict[str, Any] | None:
        """Return a stack's outputs when it was brought to this very program before, or None.

        Neither the engine nor the CLI is started.

        Args:
            stack: Name of the stack.
            program: Declares the resources.
        """
        if not settled.declares(self.folder / f"{stack}.settled", program):
            return None
        try:
            return statefile.outputs(self._state(stack), self.passphrase) or None
        except statefile.Unreadable:
            return None

    def urns(self, stack: str) -> tuple[str, ...]:
        """Return the names by which Pulumi knows the resources of a stack."""
        path = self._state(stack)
        held = json.loads(path.read_text())["checkpoint"]["latest"] if path.is_file() else {}
        return tuple(one["urn"] for one in (held or {}).get("resources") or ())

    def change_passphrase(self, stack: str, new: Secret) -> None:
        """Seal the secrets of a stack with another passphrase.

        Args:
            stack: Name of the stack.
            new: The other passphrase; this workspace keeps the old one.
        """
        words = ("stack", "change-secrets-provider", "passphrase", "--stack", stack)
        self.pulumi(*words, stdin=new)

    def pulumi(
        self, *arguments: str, timeout: float | None = 120, stdin: Secret | None = None
    ) -> Result:
        """Run the Pulumi CLI on this workspace."""
        self.prepare()
        return run(
            ["pulumi", *arguments, "--non-interactive"],
            stdin=stdin,
            cwd=self.folder,
            env=self.environment(),
            timeout=timeout,
        )

    @contextmanager
    def told(self, words: Sequence[str]) -> Iterator[dict[str, str]]:
        """Serve for the block what a command of Pulumi's asks for.

        Args:
            words: The command, without the program.

        Yields:
            The environment for it.
        """
        if ENGINE.isdisjoint(words):
            yield self.environment()
            return
        with provider.served() as told:
            yield {**self.environment(), **told}

    def prepare(self) -> None:
        """Make the workspace's folder and settings where they are missing.

        Raises:
            HabitatError: Pulumi is not installed here.
        """
        if which("pulumi") is None:
            message = "pulumi is not installed here"
            raise HabitatError(message, hint="run inside the toolbox image: ./infra sim")
        private_directory(self.folder)
        settings = self.folder / "Pulumi.yaml"
        if not settings.exists():
            settings.write_text(f"name: {self.project}\nruntime: python\n")

    def _open(self, stack: str, program: Callable[[], None], told: Mapping[str, str]) -> Stack:
        """Return a stack that runs what it is asked to and nothing besides.

        Args:
            stack: Its name.
            program: Declares its resources.
            told: Further variables for the engine.

        The automation interface selects the stack before, and asks for outputs and history after
        each run: five more starts of the CLI, of half a second and more each.
        """
        from datetime import UTC, datetime

        from pulumi import automation
        from pulumi.automation._stack import StackInitMode

        class Terse(automation.LocalWorkspace):
            def select_stack(self, stack_name: str) -> None:
                """Do nothing: every command names its stack."""

            def stack_outputs(self, stack_name: str) -> automation.OutputMap:  # noqa: ARG002
                return {}

        class Quiet(automation.Stack):
            def info(self, show_secrets: bool = True) -> automation.UpdateSummary:  # noqa: ARG002, FBT001, FBT002
                now = datetime.now(UTC)
                return automation.UpdateSummary("update", now, "", {}, {}, "succeeded", now)

        workspace = Terse(
            work_dir=str(self.folder),
            program=program,
            env_vars={**self.environment(), **told},
            pulumi_command=_command(),
        )
        # Reason: Quiet.select would return a Stack, and nothing that is public makes another.
        mode = StackInitMode.SELECT if stack in self.stacks() else StackInitMode.CREATE
        return Quiet(stack, workspace, mode)

    def _engine(
        self,
        stack: str,
        program: Callable[[], None],
        action: Callable[[Stack, _Events], object],
    ) -> Changes:
        from pulumi import automation

        self.prepare()
        events = _Events()
        with exclusive(self.folder / "lock", what=f"Pulumi workspace {self.folder}"):
            self._break_stale_locks()
            try:
                with provider.served() as told:
                    action(self._open(stack, program, told), events)
            except KeyboardInterrupt:
                # Reason: the engine may not have got the signal that we got; it must let go of
                # its lock and of what it is doing before we do.
                _interrupt_engine()
                raise
            except automation.CommandError as error:
                text = "\n".join(events.errors) or str(error)
                message = f"Pulumi could not bring the stack {stack} to what is wanted:\n{text}"
                raise ToolboxError(message) from error
        return events.changes()

    def _break_stale_locks(self) -> None:
        # Reason: we hold the workspace's own lock, which the kernel frees when its holder dies; a
        # lock file of Pulumi's whose process is gone was left by a killed run.
        for path in (self.folder / ".pulumi" / "locks").rglob("*.json"):
            if not _is_alive(_holder(path)):
                path.unlink()


@cache
def _command() -> PulumiCommand:
    """Return the CLI; its version is asked for once."""
    from pulumi.automation import PulumiCommand

    return PulumiCommand(skip_version_check=True)


def pulumi_home() -> Path:
    """Return a writable Pulumi home that offers the baked plugins."""
    home = private_directory(state_home() / "pulumi-home")
    plugins = home / "plugins"
    baked = Path(os.environ.get("INFRA_PULUMI_PLUGINS", PLUGINS))
    if plugins.is_symlink() and plugins.readlink() != baked:
        plugins.unlink()
    if not plugins.is_symlink() and not plugins.exists():
        plugins.symlink_to(baked)
    _drop_cut_off(home / "workspaces")
    # Reason: Pulumi writes a debug log of each command, for which it has no switch. Whoever has the
    # passphrase can read what went through it; where there is no folder for logs, there are none.
    logs = home / "logs"
    if logs.is_dir():
        shutil.rmtree(logs)
    logs.touch(mode=0o400)
    return home


def _drop_cut_off(folder: Path) -> None:
    """Remove notes of Pulumi's that were cut off, by a full disk or a kill.

    With such a one it does nothing any more. They say which stack is selected; all our commands
    name theirs.
    """
    for path in folder.glob("*.json"):
        try:
            json.loads(path.read_bytes())
        except ValueError:
            path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue


def _tools() -> list[Path]:
    """Return the engine and the plugins that an update would use."""
    engine = which("pulumi")
    plugins = sorted((pulumi_home() / "plugins").glob("*/pulumi-resource-*"))
    return [*([engine] if engine else []), *plugins]


def _holder(lock: Path) -> int:
    """Return the process that a lock file of Pulumi's names; 0 for a file that was cut off."""
    try:
        return int(json.loads(lock.read_text())["pid"])
    except (ValueError, KeyError, TypeError):
        return 0


def _interrupt_engine() -> None:
    """Ask the engines that this process started to stop, and wait until they have."""
    for path in Path("/proc/self/task").glob("*/children"):
        for pid in map(int, path.read_text().split()):
            if _is_alive(pid):
                os.kill(pid, signal.SIGINT)
                _await_end(pid)


def _await_end(pid: int) -> None:
    until(
        lambda last: last or not _is_alive(pid) or None,
        deadline=INTERRUPT_SECONDS,
        interval=0.1,
        what="the Pulumi engine to stop",
    )


def _is_alive(pid: int) -> bool:
    try:
        return "pulumi" in Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return False


def _nothing() -> None:
    """Declare no resources: refresh and destroy work on the state."""
