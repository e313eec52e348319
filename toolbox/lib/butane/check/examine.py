"""All checks of a translated config, at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from toolbox.lib.butane import contents as contents_of
from toolbox.lib.butane.check import (
    compose,
    install,
    leftover,
    memory,
    quadlet,
    shell,
    systemd,
    units,
)
from toolbox.lib.butane.render import clean, names_of_sources
from toolbox.lib.core.errors import DeadlineError, ProgramFailed, ProgramMissing
from toolbox.lib.core.files import runtime_dir
from toolbox.lib.core.parallel import results
from toolbox.lib.core.report import Severity
from toolbox.lib.core.scratch import scratch
from toolbox.lib.inventory.document import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from toolbox.lib.butane.check.units import Units
    from toolbox.lib.butane.contents import Contents
    from toolbox.lib.butane.render import ButaneConfig
    from toolbox.lib.butane.translate import IgnitionConfig
    from toolbox.lib.core.report import Finding

    Result = TypeVar("Result")
    Work = Callable[[], tuple[Finding, ...]]

NEWER = frozenset({"fcos"})
"""Systems whose programs may be newer than ours, and whose sh is bash."""


def check(config: ButaneConfig, ignition: IgnitionConfig) -> tuple[Finding, ...]:
    """Check what a host's config puts on the machine before it boots.

    Args:
        config: As `render` gives it, while its block lasts.
        ignition: What it was translated to.

    Returns:
        All that is to say, in the order of the places; holds no secrets.
    """
    names, system = config.environment.names, config.host.os
    key = memory.key(config.text.reveal(), ignition.sha256, system, *sorted(names))
    if memory.is_sound(key):
        return ()
    source = contents_of.Source(
        config=config.merged,
        files_dir=config.files_dir,
        whole=Place(config.layers[-1].label),
        name=names_of_sources(config),
        made=config.made,
    )
    contents = contents_of.of(source, json.loads(ignition.json.reveal()))
    found = clean(judge(contents, source.whole, names, newer=system in NEWER), config.environment)
    if not found:
        memory.remember(key)
    return found


def judge(
    contents: Contents, whole: Place, names: Collection[str] = (), *, newer: bool
) -> tuple[Finding, ...]:
    """Run all checks.

    Args:
        contents: What is put on the machine.
        whole: Place of what is about no file of it.
        names: Names that templates can use.
        newer: Whether the machine may have newer programs than there are here, and bash as sh.
    """
    with scratch(runtime_dir(), "check") as folder:
        examiner = _Examiner(contents, whole, names, newer, folder)
        with ThreadPoolExecutor() as pool:
            futures = [pool.submit(work) for work in examiner.works()]
    found = (item for part in results(futures) for item in part)
    return tuple(dict.fromkeys((*contents.findings, *found)))


@dataclass(frozen=True, slots=True)
class _Examiner:
    contents: Contents
    whole: Place
    names: Collection[str]
    newer: bool
    folder: Path
    _numbers: Iterator[int] = field(default_factory=count, repr=False)

    def works(self) -> Iterator[Work]:
        """Yield what is to be done, each independent of the others."""
        yield self._units
        yield self._leftovers
        files = self.contents.files
        for project in compose.projects(files):
            judged = partial(compose.judge, project, files, self._room())
            yield partial(self._careful, judged, project[0].path)
        yield from self._scripts()

    def _scripts(self) -> Iterator[Work]:
        every = shell.scripts(self.contents.every())
        large = [found for found in every if len(found.content.data) > shell.LARGEST]
        told = tuple(self._unchecked(found.content.path, "it is too large") for found in large)
        yield lambda: told
        scripts = tuple(found for found in every if found not in large)
        if not scripts:
            return
        named = "shell scripts"
        judged = partial(shell.judge, scripts, self._room(), bash=self.newer)
        yield partial(self._careful, judged, named)
        for reader, group in shell.readers(scripts, bash=self.newer).items():
            read = partial(shell.judge_syntax, reader, group, self._room())
            yield partial(self._careful, read, named)

    def _room(self) -> Path:
        """Return a folder that nobody else uses."""
        folder = self.folder / str(next(self._numbers))
        folder.mkdir(mode=0o700)
        return folder

    def _units(self) -> tuple[Finding, ...]:
        """Judge quadlets, and then the units that they become beside the others."""
        found: list[Finding] = []
        generated: list[quadlet.Generated] = []
        for top, files in sorted(quadlet.groups(self.contents.files).items()):
            work = partial(quadlet.judge, files, self._room(), user=bool(top), newer=self.newer)
            judged, trouble = self._tried(work, quadlet.Judged((), ()), "quadlets")
            found += [*judged.findings, *trouble]
            generated += judged.units
        for user in (False, True):
            mine = units.gather(self.contents, generated, user=user)
            found += self._verified(mine)
            found += install.judge(mine, self.contents, systemd.shipped(user=user))
        return tuple(found)

    def _verified(self, mine: Units) -> tuple[Finding, ...]:
        """Let systemd judge units, unless it found the same ones sound for another host."""
        if not mine.defined and not mine.dropins:
            return ()
        key = memory.key("units", mine.digest(), str(self.newer))
        if memory.is_sound(key):
            return ()
        verified = partial(systemd.judge, mine, self._room(), newer=self.newer)
        found = self._careful(verified, "units")
        if not found:
            memory.remember(key)
        return found

    def _leftovers(self) -> tuple[Finding, ...]:
        every = self.contents.every()
        return tuple(item for content in every for item in leftover.judge(content, self.names))

    def _careful(self, work: Work, what: str) -> tuple[Finding, ...]:
        nothing: tuple[Finding, ...] = ()
        found, trouble = self._tried(work, nothing, what)
        return (*found, *trouble)

    def _tried(
        self, work: Callable[[], Result], otherwise: Result, what: str
    ) -> tuple[Result, tuple[Finding, ...]]:
        """Do some work; a program that is missing, crashes or does not end is told as a finding."""
        try:
            return work(), ()
        except (ProgramMissing, ProgramFailed, DeadlineError) as error:
            return otherwise, (self._unchecked(what, error.message.splitlines()[0], error.hint),)

    def _unchecked(self, what: str, why: str, hint: str | None = None) -> Finding:
        message = f"not checked: {what}, as {why}"
        return self.whole.finding("not-checked", message, hint, Severity.INFO)
