"""The pipeline: from a host to its Ignition config and all that is to say about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolbox.lib.butane.check.examine import check
from toolbox.lib.butane.render import render
from toolbox.lib.butane.translate import translate
from toolbox.lib.core import processes
from toolbox.lib.core.errors import HabitatError, ToolboxError
from toolbox.lib.core.report import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolbox.lib.butane.render import ButaneConfig
    from toolbox.lib.butane.translate import IgnitionConfig
    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.pki.identity import Identity


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a host.

    Attributes:
        host: The host.
        ignition: Its Ignition config; None when it is refused.
        findings: What is to say about what a person wrote.
    """

    host: Host
    ignition: IgnitionConfig | None
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether it has a config and no finding is an error."""
        return self.ignition is not None and not self.count(Severity.ERROR)

    def count(self, severity: Severity) -> int:
        """Return how many findings are so bad."""
        return sum(finding.severity is severity for finding in self.findings)


def one(project: Project, host: Host, identity: Identity, *, checked: bool = True) -> Outcome:
    """Render, merge, translate and check the config of a host.

    Args:
        project: The project.
        host: One of its hosts.
        identity: Keys of the project and its hosts, or a stand-in for them.
        checked: Whether it is checked, too; not where that was done already.

    Raises:
        ToolboxError: Something else is wrong than what a person wrote.
    """
    try:
        with render(project, host, identity) as config:
            return _translated(config, checked=checked)
    except HabitatError:
        raise
    except ToolboxError as error:
        if not error.findings:
            raise
        return Outcome(host, None, error.findings)


def _translated(config: ButaneConfig, *, checked: bool) -> Outcome:
    try:
        ignition = translate(config)
    except ToolboxError as error:
        refused = tuple(_decisive(finding) for finding in error.findings)
        if not refused:
            raise
        return Outcome(config.host, None, (*config.warnings, *refused))
    found = (*config.warnings, *ignition.findings, *(check(config, ignition) if checked else ()))
    return Outcome(config.host, ignition, found)


def _decisive(finding: Finding) -> Finding:
    # Reason: Butane is strict here, so its warnings are what it refuses a config for.
    decisive = finding.severity is Severity.WARNING
    return replace(finding, severity=Severity.ERROR) if decisive else finding


def every(
    project: Project, hosts: Sequence[Host], identity: Identity, *, checked: bool = True
) -> tuple[Outcome, ...]:
    """Return the outcomes of hosts, worked on in parallel.

    Args:
        project: The project.
        hosts: Some of its hosts.
        identity: As for `one`.
        checked: As for `one`.

    Raises:
        ToolboxError: Something else is wrong than what a person wrote.
    """

    def work(host: Host) -> Outcome:
        return one(project, host, identity, checked=checked)

    return processes.each(work, hosts)


def accepted(outcomes: Sequence[Outcome]) -> dict[str, IgnitionConfig]:
    """Return the configs of hosts by their names.

    Raises:
        ToolboxError: One is refused; the findings are those of all that are.
    """
    failed = [outcome for outcome in outcomes if not outcome.ok]
    if failed:
        message = f"the config of {', '.join(item.host.name for item in failed)} is refused"
        raise ToolboxError(message, findings=findings(failed))
    return {item.host.name: item.ignition for item in outcomes if item.ignition}


def findings(outcomes: Iterable[Outcome]) -> tuple[Finding, ...]:
    """Return the findings of several hosts, equal ones once, with the hosts that they concern."""
    outcomes = tuple(outcomes)
    concerned: dict[Finding, list[str]] = {}
    for outcome in outcomes:
        for finding in dict.fromkeys(outcome.findings):
            concerned.setdefault(finding, []).append(outcome.host.name)
    told = (replace(item, hosts=tuple(hosts)) for item, hosts in concerned.items())
    return tuple(sorted(told, key=_order))


def _order(finding: Finding) -> tuple[str, int, int]:
    return finding.file or "", finding.line or 0, finding.column or 0
