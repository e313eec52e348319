"""host: what a host of the project gets, and the system that tasks run on without the image."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.tasks import task

from toolbox.tasks import change, consent, past, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from invoke.context import Context

    from toolbox.lib.butane.translate import IgnitionConfig
    from toolbox.lib.butane.why import Reason
    from toolbox.lib.habitat.packages import Family, Package
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project
    from toolbox.lib.pki.identity import Identity

STDERR = 2
"""The file descriptor."""


@task(
    help={
        "install": "install what is missing, by the package manager",
        "yes": consent.YES,
        "json": show.JSON,
    }
)
def setup(
    _context: Context,
    install: bool = False,  # noqa: FBT001, FBT002
    yes: bool = False,  # noqa: FBT001, FBT002
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Tell which packages of the system are missing, and install them with --install.

    Examples:
        invoke host.setup
        invoke host.setup --install
    """
    from toolbox.lib.habitat import packages

    family = packages.required(packages.release_here())
    found = packages.look(family, packages.for_host(family))
    if install and _installable(found):
        _install(family, _installable(found), yes=yes)
        found = packages.look(family, packages.for_host(family))
    left = _installable(found) if install else []
    if json:
        show.emit("host.setup", found, ok=not left)
    else:
        _words(family, found)
    if left:
        message = f"still missing: {', '.join(left)}"
        show.fail(message, hint="mend what the package manager says above, then try again")


def _installable(found: Sequence[Package]) -> list[str]:
    """Return the names of what is missing and can be had."""
    return [package.name for package in found if package.available and not package.installed]


def _words(family: Family, found: Sequence[Package]) -> None:
    from toolbox.lib.core.files import data_home
    from toolbox.lib.doctor.tools import COMPILED, build_command
    from toolbox.lib.habitat import place
    from toolbox.lib.habitat.packages import command

    missing = [package for package in found if not package.installed]
    useful = _installable(found)
    for package in missing:
        show.data(package.name if package.available else f"{package.name} (not in this release)")
    if missing:
        show.say(f"{len(missing)} of {len(found)} packages are missing on this {family} system")
    else:
        show.say(f"all {len(found)} packages are installed on this {family} system")
    if len(missing) > len(useful):
        show.say(
            "those that are not in this release are parts of others in it, or came later;"
            " doctor tells whether anything lacks"
        )
    if useful:
        show.next_step(f"{show.program()} host.setup --install, which runs:")
        show.say(f"  {command(family, useful, root=os.geteuid() == 0)}")
    if not place.here().image:
        show.say(f"not packaged everywhere, but compiled: {', '.join(COMPILED)}, Pulumi's plugins")
        show.say(f"  {build_command(data_home())}")


def _install(family: Family, names: Sequence[str], *, yes: bool) -> None:
    from toolbox.lib.core.errors import HabitatError
    from toolbox.lib.core.run import attach, which
    from toolbox.lib.habitat import packages

    root = os.geteuid() == 0
    pasted = packages.command(family, names, root=True)
    if not root and which("sudo") is None:
        message = "installing needs root, and there is no sudo"
        raise HabitatError(message, hint=f"as root: {pasted}")
    if not consent.given(yes=yes):
        question = f"{len(names)} packages are missing: {' '.join(names)}\nInstall them? [Y/n] "
        hint = f"{show.program()} host.setup --install --yes"
        if not consent.asked(question, whether="packages may be installed", hint=hint):
            show.fail("nothing was installed", hint="install by hand what is listed above")
    update = not packages.has_catalogue(family)
    steps = packages.commands(family, names, root=root, asking=consent.person(), update=update)
    for words in steps:
        show.say(f"$ {' '.join(words)}")
        # Reason: what a package manager says is for the person, stdout is for our data.
        if attach(words, stdout=STDERR) != 0:
            message = f"the package manager could not install: {' '.join(names)}"
            show.fail(message, hint="mend what it says above, then try again")


MARKED = {"reset": "takes it away", "override": "replaces all below"}
NAMES = "hosts, one or more; the only one by default"
SECRETS = "print private keys in clear, on a terminal, too"
SIM = "sim"
STACK = "whose keys: sim for simulated machines, or the name of a vault such as prod"


@task(
    help={"hosts": NAMES, "secrets": SECRETS, "stack": STACK, "json": show.JSON},
    iterable=["hosts"],
)
def render(
    _context: Context,
    hosts: Sequence[str] | None = None,
    secrets: bool = False,  # noqa: FBT001, FBT002
    stack: str = SIM,
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Print the merged Butane config of a host, its private keys masked.

    Examples:
        invoke host.render web
        invoke host.render web db --json
        invoke host.render web --stack prod
        (umask 077; invoke host.render web --secrets > web.bu)
    """
    from toolbox.lib.butane import portable
    from toolbox.lib.butane.render import render as rendered
    from toolbox.lib.inventory.choice import named, parted
    from toolbox.lib.pki.identity import masked
    from toolbox.tasks import sim

    wanted = sim.project()
    some = named(wanted, parted(hosts or ()))
    identity = _identity(wanted, some, stack, make=secrets)
    items = []
    for host in some:
        with rendered(wanted, host, identity if secrets else masked(identity)) as config:
            layers = [layer.label for layer in config.layers]
            text = portable.text(wanted, config)
            items.append({"host": host.name, "layers": layers, "butane": text})
    if json:
        show.emit("host.render", items)
    else:
        show.data_bytes("---\n".join(str(item["butane"]) for item in items).encode())
    show.next_step(f"{show.program()} host.why PATH tells who put something there")


@task(
    help={"hosts": NAMES, "secrets": SECRETS, "stack": STACK, "json": show.JSON},
    iterable=["hosts"],
)
def ignition(
    _context: Context,
    hosts: Sequence[str] | None = None,
    secrets: bool = False,  # noqa: FBT001, FBT002
    stack: str = SIM,
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Print the Ignition config of a host for a file or a pipe, private keys and all.

    Examples:
        (umask 077; invoke host.ignition web > web.ign)
        (umask 077; invoke host.ignition web --stack prod > web.ign)
        invoke host.ignition web --json
    """
    from toolbox.lib.butane import pipeline
    from toolbox.lib.core.errors import UsageError
    from toolbox.lib.inventory.choice import named, parted
    from toolbox.lib.pki.identity import masked
    from toolbox.lib.reconfigure.history import firstboot
    from toolbox.lib.simulation import handout
    from toolbox.tasks import sim

    if sys.stdout.isatty() and not secrets and not json:
        message = "an Ignition config holds private keys, and this is a terminal"
        hint = "send it into a file or a pipe; --json masks the keys, --secrets prints them"
        raise UsageError(message, hint=hint)
    wanted = sim.project()
    some = named(wanted, parted(hosts or ()))
    identity = _identity(wanted, some, stack, make=True)
    outcomes = pipeline.every(wanted, some, identity)
    own, found = pipeline.accepted(outcomes), pipeline.findings(outcomes)
    configs = own if stack == SIM else handout.handed(wanted, own, identity)
    if json:
        shown = configs
        if not secrets:
            outcomes = pipeline.every(wanted, some, masked(identity), checked=False)
            hidden = pipeline.accepted(outcomes)
            shown = hidden if stack == SIM else {n: firstboot.handed(c) for n, c in hidden.items()}
        show.emit("host.ignition", _configs(own, configs, shown), findings=found)
    else:
        # Reason: without a newline at its end the file has the hash that is told.
        texts = [config.json.reveal() for config in configs.values()]
        show.data_bytes("\n".join(texts).encode())
    show.findings(found)
    for host, config in configs.items():
        show.say(f"{host}: {config.sha256}")
    if secrets or not json:
        show.say("it holds private keys: keep it to yourself")
    if stack == SIM:
        show.next_step(f"{show.program()} sim boots machines from these configs")
    else:
        names = " ".join(configs)
        show.next_step(f"{show.program()} prod.serve {names} hands over just the same, once")


@task(
    help={
        "what": "absolute path on the machine, or name of a unit",
        "hosts": "names of hosts, separated by commas; all by default",
        "json": show.JSON,
    },
)
def why(
    _context: Context,
    what: str = "",
    hosts: str = "",
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Tell which file and line put something on a host, and what it won over.

    Examples:
        invoke host.why /etc/hostname
        invoke host.why web.service --hosts web,db
    """
    from toolbox.lib.core.errors import UsageError
    from toolbox.lib.inventory.choice import chosen, parted
    from toolbox.tasks import sim

    if not what:
        message = "which path or unit?"
        raise UsageError(message, hint="such as /etc/hostname or sshd.service")
    wanted = sim.project()
    answers, hints = _answers(wanted, chosen(wanted, parted([hosts])), what)
    found = any(answers.values())
    if found and json:
        show.emit("host.why", [item for host in answers for item in _reasons(host, answers[host])])
    elif found:
        _tell(answers)
    if not found:
        names = ", ".join(answers)
        show.fail(f"nothing puts {what} on {names}", hint=next((h for h in hints if h), None))
    show.next_step(f"{show.program()} host.render NAME prints all of a host")


def _answers(
    wanted: Project, hosts: Sequence[Host], what: str
) -> tuple[dict[str, tuple[Reason, ...]], list[str | None]]:
    """Return for each host who says something about a path or unit, and hints where nobody does."""
    from toolbox.lib.butane import why as reasons
    from toolbox.lib.butane.render import render as rendered
    from toolbox.lib.pki import standin

    identity = standin.identity((host.name for host in wanted.hosts), wanted.profile)
    answers, hints = {}, []
    for host in hosts:
        with rendered(wanted, host, identity) as config:
            answers[host.name] = reasons.why(config, what)
            hints.append(reasons.suggestion(config, what))
    return answers, hints


def _tell(answers: dict[str, tuple[Reason, ...]]) -> None:
    """Print the answers; hosts with the same one share it."""
    together: dict[tuple[Reason, ...], list[str]] = {}
    for host, reasons in answers.items():
        together.setdefault(reasons, []).append(host)
    rows = []
    for reasons, hosts in together.items():
        names = ", ".join(hosts)
        if not reasons:
            rows.append((names, "nothing", "", ""))
        for number, reason in enumerate(reasons):
            place = str(reason.place)
            first = names if number == 0 else ""
            rows.append((first, f"{reason.kind} {reason.name}", place, _says(reason)))
    show.table(("host", "what", "where", "says"), rows)


def _says(reason: Reason) -> str:
    """Return what a place says in few words."""
    words = MARKED.get(reason.mark, "")
    if reason.removes:
        words += f"{'; ' if words else ''}removes {', '.join(reason.removes)}"
    if reason.sets:
        words += f"{'; ' if words else ''}{', '.join(reason.sets)}"
    if reason.source:
        words += f"{' ' if words else ''}from {reason.source}"
    if reason.overruled:
        lost = ", ".join(reason.overruled)
        words += f"{'; ' if words else ''}overruled: {lost}"
    return words


def _reasons(host: str, reasons: Sequence[Reason]) -> Iterator[dict[str, object]]:
    for reason in reasons:
        yield {
            "host": host,
            "kind": reason.kind,
            "name": reason.name,
            "layer": reason.layer,
            "file": reason.place.file,
            "line": reason.place.line,
            "column": reason.place.column,
            "holds": reason.holds,
            "sets": list(reason.sets),
            "overruled": list(reason.overruled),
            "source": reason.source,
            "mark": reason.mark,
            "removes": list(reason.removes),
        }


def _identity(wanted: Project, hosts: Sequence[Host], stack: str, *, make: bool) -> Identity:
    """Return the keys of a project; stand-ins where none are made yet and none are needed."""
    from toolbox.lib.pki import standin
    from toolbox.lib.simulation import keys

    if stack != SIM:
        return keys.real(wanted, hosts, stack)
    if make:
        return keys.made(wanted)
    identity = keys.known(wanted)
    if identity is None:
        show.say("this project has no keys yet: those you see are stand-ins")
        identity = standin.identity((host.name for host in wanted.hosts), wanted.profile)
    return identity


def _configs(
    own: Mapping[str, IgnitionConfig],
    given: Mapping[str, IgnitionConfig],
    shown: Mapping[str, IgnitionConfig],
) -> list[dict[str, object]]:
    from json import loads

    return [
        {
            "host": host,
            "sha256": config.sha256,
            "config": own[host].sha256,
            "ignition": loads(shown[host].json.reveal()),
        }
        for host, config in given.items()
    ]


ns = Collection("host", setup, render, ignition, why)
further: Any
for further in (
    change.plan,
    change.apply,
    past.status,
    past.adopt,
    past.history,
    past.rollback,
):
    ns.add_task(further)
