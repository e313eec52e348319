"""host: the system that tasks run on where the image is not used."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.tasks import task

from toolbox.tasks import show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from invoke.context import Context

    from toolbox.lib.habitat.packages import Family, Package

STDERR = 2
"""The file descriptor."""


@task(
    help={
        "install": "install what is missing, by the package manager",
        "yes": "do not ask before; so does the environment variable CI",
        "json": "print the data as JSON on stdout",
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

    root, person = os.geteuid() == 0, _person()
    pasted = packages.command(family, names, root=True)
    if not root and which("sudo") is None:
        message = "installing needs root, and there is no sudo"
        raise HabitatError(message, hint=f"as root: {pasted}")
    if not (yes or os.environ.get("CI", "false") not in {"", "0", "false"}):
        _ask(f"{len(names)} packages are missing: {' '.join(names)}\nInstall them? [Y/n] ", person)
    update = not packages.has_catalogue(family)
    steps = packages.commands(family, names, root=root, asking=person, update=update)
    for words in steps:
        show.say(f"$ {' '.join(words)}")
        # Reason: what a package manager says is for the person, stdout is for our data.
        if attach(words, stdout=STDERR) != 0:
            message = f"the package manager could not install: {' '.join(names)}"
            show.fail(message, hint="mend what it says above, then try again")


def _person() -> bool:
    """Tell whether somebody sits at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(question: str, person: bool) -> None:  # noqa: FBT001
    from toolbox.lib.core.errors import HabitatError

    if not person:
        message = "there is nobody to ask whether packages may be installed"
        raise HabitatError(message, hint=f"{show.program()} host.setup --install --yes")
    if not show.ask(question):
        show.fail("nothing was installed", hint="install by hand what is listed above")


ns = Collection("host", setup)
