"""All checks of a translated config, at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from toolbox.lib.butane import contents as contents_of
from toolbox.lib.butane.check import compose, install, leftover, quadlet, shell, systemd, units
from toolbox.lib.butane.render import clean
from toolbox.lib.core.errors import DeadlineError, ProgramMissing
from toolbox.lib.core.files import runtime_dir
from toolbox.lib.core.parallel import results
from toolbox.lib.core.report import Severity
from toolbox.lib.core.scratch import scratch
from toolbox.lib.inventory.document import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from toolbox.lib.butane.contents import Contents
    from toolbox.lib.butane.render import ButaneConfig
    from toolbox.lib.butane.translate import IgnitionConfig
    from toolbox.lib.core.report import Finding

    Result = TypeVar("Result")
    Work = Callable[[], tuple[Finding, ...]]

NEWER = frozenset({"fcos"})
"""Systems whose programs may be newer than ours, and whose sh is bash."""


def check(config: ButaneConfig, ignition: IgnitionConfig) -> tuple[Finding, ...]:
    """Check what a config puts on the machine before it boots.

    Args:
        config: As `render` gives it, while its block lasts.
        ignition: What it was translated to.

    Returns:
        All that is to say, in the order of the places; holds no secrets.
    """
    contents = contents_of.of(config, ignition)
    with scratch(runtime_dir(), "check") as folder:
        examiner = _Examiner(config, contents, folder)
        with ThreadPoolExecutor() as pool:
            futures = [pool.submit(work) for work in examiner.works()]
        found = [*contents.findings, *(item for part in results(futures) for item in part)]
    return tuple(dict.fromkeys(clean(found, config.environment)))


@dataclass(frozen=True, slots=True)
class _Examiner:
    config: ButaneConfig
    contents: Contents
    folder: Path
    _numbers: Iterator[int] = field(default_factory=count, repr=False)

    def works(self) -> Iterator[Work]:
        """Yield what is to be done, each independent of the others."""
        yield self._units
        yield self._leftovers
        for project in compose.projects(self.contents.files):
            what = project[0].path
            work = partial(compose.judge, project, self.contents.files, self._room())
            yield partial(self._careful, work, what)
        scripts = shell.scripts(self.contents.every())
        large = [found for found in scripts if len(found.content.data) > shell.LARGEST]
        scripts = tuple(found for found in scripts if found not in large)
        if large:
            yield lambda: tuple(
                self._unchecked(found.content.path, "it is too large") for found in large
            )
        if scripts:
            named = "shell scripts"
            judged = partial(shell.judge, scripts, self._room(), bash=self._newer)
            yield partial(self._careful, judged, named)
            read = partial(shell.judge_syntax, scripts, self._room(), bash=self._newer)
            yield partial(self._careful, read, named)

    @property
    def _newer(self) -> bool:
        return self.config.host.os in NEWER

    def _room(self) -> Path:
        """Return a folder that nobody else uses."""
        folder = self.folder / str(next(self._numbers))
        folder.mkdir(mode=0o700)
        return folder

    def _units(self) -> tuple[Finding, ...]:
        """Judge quadlets, and then the units that they become beside the others."""
        found: list[Finding] = []
        generated: list[quadlet.Generated] = []
        groups = quadlet.groups(self.contents.files)
        if groups and quadlet.generator() is None:
            found.append(self._unchecked("quadlets", "podman's generator is not installed here"))
            groups = {}
        for top, files in sorted(groups.items()):
            work = partial(quadlet.judge, files, self._room(), user=bool(top), newer=self._newer)
            judged, trouble = self._tried(work, quadlet.Judged((), ()), "quadlets")
            found += [*judged.findings, *trouble]
            generated += judged.units
        for user in (False, True):
            mine = units.gather(self.contents, generated, user=user)
            verified = partial(systemd.judge, mine, self._room(), newer=self._newer)
            found += self._careful(verified, "units")
            found += install.judge(mine, self.contents, systemd.shipped(user=user))
        return tuple(found)

    def _leftovers(self) -> tuple[Finding, ...]:
        names = self.config.environment.names
        every = self.contents.every()
        return tuple(item for content in every for item in leftover.judge(content, names))

    def _careful(self, work: Work, what: str) -> tuple[Finding, ...]:
        nothing: tuple[Finding, ...] = ()
        found, trouble = self._tried(work, nothing, what)
        return (*found, *trouble)

    def _tried(
        self, work: Callable[[], Result], otherwise: Result, what: str
    ) -> tuple[Result, tuple[Finding, ...]]:
        """Do some work; a program that is missing, or does not end, is told as a finding."""
        try:
            return work(), ()
        except (ProgramMissing, DeadlineError) as error:
            return otherwise, (self._unchecked(what, error.message, error.hint),)

    def _unchecked(self, what: str, why: str, hint: str | None = None) -> Finding:
        place = Place(self.config.layers[-1].label)
        return place.finding("not-checked", f"not checked: {what}, as {why}", hint, Severity.INFO)
