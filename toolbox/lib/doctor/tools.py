"""Programs: those that a simulation needs, the versions of all, and the age of the image."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.files import shown
from toolbox.lib.core.run import which
from toolbox.lib.doctor.row import Row, State, said
from toolbox.lib.habitat import ensure, packages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolbox.lib.doctor.row import Terms

PACKAGE = Path(__file__).resolve().parents[2]
LIST = PACKAGE / "image" / "ensure.txt"
BUILT = Path("/usr/share/infra-toolbox/built")
"""When the image was made; its build writes it."""

COMPILED = ("butane", "ignition-validate", "pulumi")
"""Programs that a simulation needs and that not every distribution packages."""

BUILT_FOR_SIM = (*COMPILED, "libvirt", "tls")
"""What `plugins/build` builds for a simulation: programs, and plugins of Pulumi."""

NEEDED = (*(name for name in packages.OWNERS if name != "catatonit"), *COMPILED)
"""Programs that a simulation needs; only some containers need catatonit."""

IN_ENVIRONMENTS = ("esphome", "inv", "invoke", "mkdocs", "salt-call")
SECONDS = 20.0
OLD_DAYS = 60


def build_command(data: Path, *names: str) -> str:
    """Return the command that compiles what is not packaged, for a person's own use.

    Args:
        data: Folder of what the person builds.
        names: What to build; by default all that a simulation needs.
    """
    script = PACKAGE.parent / "plugins" / "build"
    typed = shown(script) if script.is_file() else "in a checkout: plugins/build"
    return f"{typed} {shown(data / 'tools')} {' '.join(names or BUILT_FOR_SIM)}"


def build_mend(data: Path) -> str:
    """Return what makes the compiled programs and plugins known, and before makes them."""
    built = data / "tools"
    path, plugins = shown(built / "bin"), shown(built / "plugins")
    export = f'export PATH="{path}:$PATH" INFRA_PULUMI_PLUGINS="{plugins}"'
    return export if (built / "plugins").is_dir() else f"{build_command(data)}; {export}"


def needed(missing: Sequence[str], terms: Terms) -> list[Row]:
    """Judge the programs that a simulation needs.

    Args:
        missing: Those that are not here.
        terms: Whose advice it is.
    """
    if not missing:
        return [Row("programs", State.OK, f"all {len(NEEDED)} that sim needs are here")]
    packaged = [name for name in missing if name not in COMPILED]
    compiled = [name for name in missing if name in COMPILED]
    rows = []
    if packaged:
        found = f"sim needs {', '.join(packaged)}"
        rows.append(Row("programs", State.LOST, found, _packages(packaged, terms)))
    if compiled:
        found = f"sim needs {', '.join(compiled)}, which are compiled from pinned modules"
        rows.append(
            Row(
                "programs",
                State.LOST,
                found,
                terms.renewal if terms.habitat.image else build_mend(terms.data),
            )
        )
    return rows


def look_at_needed(terms: Terms) -> list[Row]:
    """Look for the programs that a simulation needs."""
    return needed([name for name in NEEDED if which(name) is None], terms)


def tool(program: ensure.Program, terms: Terms) -> Row:
    """Judge a program of the image's list."""
    if not program.problem:
        return Row(program.name, State.OK, program.version or "is here", tool=True)
    found = said(program.problem)
    mend = _tool_mend(program.name, terms) if program.problem == ensure.ABSENT else ""
    return Row(program.name, State.NOTE, found, mend, tool=True)


def look_at_tools(terms: Terms) -> list[Row]:
    """Ask every program of the image's list for its version."""
    with ThreadPoolExecutor() as pool:
        ask = partial(ensure.look, seconds=SECONDS)
        return [tool(program, terms) for program in pool.map(ask, ensure.wanted(LIST))]


def age(stamp: str | None, now: datetime, terms: Terms) -> Row:
    """Judge the age of the image.

    Args:
        stamp: When it was made, in ISO 8601; None when it does not say.
        now: The time now.
        terms: Whose advice it is.
    """
    if not terms.habitat.image:
        return Row("image", State.NOTE, "none: this place is not made from the toolbox image")
    if stamp is None:
        found = "its age is unknown: it was made before images told it"
        return Row("image", State.NOTE, found, terms.renewal)
    days = (now - datetime.fromisoformat(stamp.strip())).days
    when = {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
    found = f"made {when} ({stamp.strip()})"
    if days > OLD_DAYS:
        return Row("image", State.NOTE, found, terms.renewal)
    return Row("image", State.OK, found)


def look_at_age(terms: Terms) -> Row:
    """Look when the image was made."""
    return age(BUILT.read_text() if BUILT.is_file() else None, datetime.now(UTC), terms)


def _packages(programs: Sequence[str], terms: Terms) -> str:
    if terms.habitat.image:
        return terms.renewal
    if terms.family is None:
        return f"install the packages of your distribution that have {', '.join(programs)}"
    names = packages.owners(programs, terms.family)
    return packages.command(terms.family, names, root=terms.root)


def _tool_mend(name: str, terms: Terms) -> str:
    if terms.habitat.image:
        return terms.renewal
    if name in IN_ENVIRONMENTS:
        return f"{terms.program} env.build"
    if name in COMPILED:
        return build_mend(terms.data)
    if name in packages.ONLY_IN_IMAGE.values():
        return ""
    if name == "ignition-apply":
        return build_command(terms.data, "ignition")
    # Reason: uv brings the Python that the environments are for.
    return (
        "pip install uv"
        if name in {"uv", "python3.13"}
        else f"{terms.program} host.setup --install"
    )
