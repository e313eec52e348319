"""Python environments of a native habitat, made from the locked lists of the image.

An environment is a folder ``NAME-KEY-RUN``, where the key stands for all that goes into it, and a
link ``NAME`` to it. The link is set when the environment is complete, so a half-made one is never
used, and one that is in use can be made anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import HabitatError, ProgramFailed, ToolboxError, UsageError
from toolbox.lib.core.files import runtime_dir
from toolbox.lib.core.lock import exclusive
from toolbox.lib.core.run import run, which
from toolbox.lib.core.steps import step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LIBRARY = "toolbox"
NAMES = (LIBRARY, "salt", "esphome")
PACKAGE = Path(__file__).resolve().parents[2]
EXPORTS = PACKAGE / "image" / "envs"
PYTHON = "3.13"
"""Version of Python that the lists are locked for."""

KEY_LENGTH = 12
RUN_BYTES = 4
FOLDER = rf"{{}}-[0-9a-f]{{{{{KEY_LENGTH}}}}}-[0-9a-f]{{{{{2 * RUN_BYTES}}}}}"
DONE = ".complete"
LOCK = "environments.lock"
UNSHIPPED = shutil.ignore_patterns("__pycache__", "*.pyc")
# Reason: a person says with these where packages come from; other programs need none of them.
INSTALLER_VARIABLES = ("PIP_", "UV_", "REQUESTS_CA_BUNDLE")
PROGRAM = """\
#!{python}
from toolbox.tasks.program import main

main()
"""
PROGRAMS = ("infra-toolbox", "invoke", "inv")
BIN = "bin"
LINKED = {
    LIBRARY: (*PROGRAMS, "mkdocs", "mypy", "pytest", "ruff"),
    "salt": ("salt-call", "salt-ssh"),
    "esphome": ("esphome",),
}
"""Programs of each environment that a person calls; as in the image, not its Python."""


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment that was asked for.

    Attributes:
        name: Its name.
        folder: Where it is, a path that stays when it is made anew.
        action: ``made`` or ``unchanged``.
    """

    name: str
    folder: str
    action: str


def build(dest: Path, names: Sequence[str]) -> tuple[Environment, ...]:
    """Make environments, those that are not as they shall be.

    Args:
        dest: Their parent folder.
        names: Which; all of them if empty.

    Raises:
        UsageError: There is no such environment, or something else is in its place.
        HabitatError: There is no Python of the version that the lists are for, or no work can be
            done in the folder.
        ProgramFailed: A package could not be installed; nothing of its environment stays.
    """
    wanted = chosen(names)
    for link in (link for name in wanted for link in links(dest, name)):
        refuse_foreign(link)
    with _working_in(dest):
        dest.mkdir(parents=True, exist_ok=True)
        built = tuple(_ensure(dest, name) for name in wanted)
        for name in wanted:
            _link(dest, name)
            _prune(dest, name)
    return built


def clean(dest: Path) -> tuple[Path, ...]:
    """Remove the environments of a folder and nothing else; return which.

    Raises:
        HabitatError: They cannot be removed.
    """
    removed: list[Path] = []
    if not dest.is_dir():
        return ()
    with _working_in(dest):
        for name in NAMES:
            for link in filter(is_ours, links(dest, name)):
                link.unlink()
                if link.parent == dest:
                    removed.append(link)
            _prune(dest, name)
        for folder in (dest / BIN, dest):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    return tuple(removed)


@contextmanager
def _working_in(dest: Path) -> Iterator[None]:
    """Be the only one that works on environments; a folder that forbids it is told as such."""
    with exclusive(runtime_dir() / LOCK, what=f"environments in {dest}"):
        try:
            yield
        except OSError as error:
            if isinstance(error, ToolboxError):
                raise
            message = f"cannot work in {dest}: {error.strerror}: {error.filename}"
            raise HabitatError(
                message, hint="name one that this user can write to: --dest FOLDER"
            ) from error


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """Return the environments of these names, or all.

    Raises:
        UsageError: A name is none of an environment.
    """
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        message = f"there is no environment {', '.join(unknown)}"
        raise UsageError(message, hint=f"there are {', '.join(NAMES)}")
    return tuple(names) or NAMES


def links(dest: Path, name: str) -> tuple[Path, ...]:
    """Return the links of an environment: to itself, and to its programs."""
    return (dest / name, *(dest / BIN / program for program in LINKED[name]))


def is_ours(link: Path) -> bool:
    """Tell whether we have made what is in the place of a link."""
    if not link.is_symlink():
        return False
    target = str(link.readlink())
    if link.parent.name == BIN:
        return target in {str(Path("..", name, BIN, link.name)) for name in NAMES}
    return re.fullmatch(FOLDER.format(link.name), target) is not None


def refuse_foreign(link: Path) -> None:
    """Refuse to touch what we have not made.

    Raises:
        UsageError: In the place of the link is something else.
    """
    if not is_ours(link) and os.path.lexists(link):
        message = f"{link} was not made by this task, so it stays as it is"
        raise UsageError(message, hint="move it away, or choose another folder: --dest FOLDER")


def key(name: str) -> str:
    """Return what stands for the content of an environment: its list, and the library itself."""
    digest = hashlib.sha256(f"{PYTHON}\0".encode())
    digest.update((EXPORTS / f"{name}.txt").read_bytes())
    if name == LIBRARY:
        for path in _library():
            digest.update(f"{path.relative_to(PACKAGE)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:KEY_LENGTH]


def _library() -> Iterator[Path]:
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            yield path


def _ensure(dest: Path, name: str) -> Environment:
    link = dest / name
    content = f"{name}-{key(name)}-"
    if link.resolve().name.startswith(content) and (link / DONE).is_file():
        return Environment(name, str(link), "unchanged")
    # Reason: an installer whose caller was killed works on; no two may work in one folder.
    folder = dest / f"{content}{secrets.token_hex(RUN_BYTES)}"
    with step(f"Make the environment {name}"):
        try:
            _make(folder, EXPORTS / f"{name}.txt")
            if name == LIBRARY:
                _add_library(folder)
            (folder / DONE).touch()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        _point(link, folder)
    return Environment(name, str(link), "made")


def _make(folder: Path, export: Path) -> None:
    """Make a virtual environment and install a list into it, every file checked by its hash."""
    settings = {k: v for k, v in os.environ.items() if k.startswith(INSTALLER_VARIABLES)}
    python = folder / BIN / "python"
    locked: list[str | Path] = ["--quiet", "--no-deps", "--require-hashes", "-r", export]
    if which("uv"):
        run(["uv", "venv", "--quiet", "--python", PYTHON, folder], env=settings)
        installer: list[str | Path] = ["uv", "pip", "install", "--python", python]
        # Reason: the system's own certificates, as a company's authority is known to them only.
        installer += ["--native-tls", "--compile-bytecode"]
    else:
        run([_python(), "-m", "venv", folder], env=settings)
        installer = [python, "-m", "pip", "install", "--disable-pip-version-check"]
    try:
        run([*installer, *locked], env=settings)
    except ProgramFailed as error:
        raise ProgramFailed(error.message, error.result, hint=_hint(error.message)) from error


def _hint(said: str) -> str:
    from toolbox.lib.habitat.packages import COMPILER, command, family_here

    compiler = re.search(r"\b(gcc|cc|Python\.h)\b", said)
    if compiler is None:
        return "mend what is said above; packages come from where pip or uv are set to find them"
    family = family_here()
    if family is None:
        return "install a C compiler and the headers of Python, then try again"
    return f"{command(family, COMPILER[family], root=os.geteuid() == 0)}, then try again"


def _python() -> str:
    """Return a Python of the right version.

    Raises:
        HabitatError: There is none.
    """
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if here == PYTHON:
        return sys.executable
    name = f"python{PYTHON}"
    # Reason: it is asked, as version managers put programs on PATH that only say what is missing.
    if which(name) and run([name, "--version"], check=False).ok:
        return name
    message = f"the environments need Python {PYTHON}; this is {here}, and there is no uv either"
    raise HabitatError(message, hint="install uv, which brings that Python: pip install uv")


def _add_library(folder: Path) -> None:
    """Add the library that we are, and its programs."""
    (site,) = (folder / "lib").glob("python*/site-packages")
    # Reason: an installed library is no source that an installer would take, but all of it is here.
    shutil.copytree(PACKAGE, site / PACKAGE.name, ignore=UNSHIPPED)
    shipped = site / PACKAGE.name / "shipped" / "butane"
    if not shipped.exists():
        shutil.copytree(PACKAGE.parent / "butane", shipped)
    for name in PROGRAMS:
        program = folder / BIN / name
        # Reason: Invoke's own scripts have these names, too.
        program.unlink(missing_ok=True)
        program.write_text(PROGRAM.format(python=folder / BIN / "python"))
        program.chmod(0o755)


def _point(link: Path, folder: Path) -> None:
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(folder.name)
    new.replace(link)


def _link(dest: Path, name: str) -> None:
    """Link the programs of an environment into the one folder that a person needs on PATH."""
    (dest / BIN).mkdir(exist_ok=True)
    for program in LINKED[name]:
        link = dest / BIN / program
        link.unlink(missing_ok=True)
        link.symlink_to(Path("..", name, BIN, program))


def _prune(dest: Path, name: str) -> None:
    """Remove the folders of an environment that the link does not lead to."""
    pattern = re.compile(FOLDER.format(name))
    kept = (dest / name).resolve()
    for folder in dest.iterdir():
        if pattern.fullmatch(folder.name) and folder.resolve() != kept:
            shutil.rmtree(folder, ignore_errors=True)
