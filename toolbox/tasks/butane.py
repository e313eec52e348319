"""butane: Butane files outside of any project."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.tasks import task

from toolbox.tasks import show

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from invoke.context import Context

    from toolbox.lib.butane.standalone import Translated
    from toolbox.lib.core.report import Finding

STDIN = "-"
IGNITION_SUFFIX = ".ign"


@task(
    help={
        "file": "Butane file, or - for stdin",
        "files-dir": "folder of the local files that it may name",
        "set": "NAME=VALUE, a text that the template may use; can be given again",
        "template": "render the file as a template, though nothing is set",
        "strict": "refuse what Butane warns of, and what the checks call an error",
        "raw": "make Ignition of the variant openshift, too, and no MachineConfig",
        "json": show.JSON,
    },
    iterable=["set"],
)
def translate(  # noqa: PLR0913 - the options of a task
    _context: Context,
    file: str = "",
    files_dir: str = "",
    set: Sequence[str] | None = None,  # noqa: A002 - the name of the option
    template: bool = False,  # noqa: FBT001, FBT002
    strict: bool = False,  # noqa: FBT001, FBT002
    raw: bool = False,  # noqa: FBT001, FBT002
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Translate one Butane file as Butane does; what is wrong is told with its line.

    Examples:
        invoke butane.translate config.bu > config.ign
        invoke butane.translate config.bu --files-dir . --strict
        invoke butane.translate web.bu.j2 --set name=web --set domain=example.org
        cat config.bu | invoke butane.translate - --json
    """
    from pathlib import Path

    from toolbox.lib.butane import standalone
    from toolbox.lib.core.errors import UsageError

    if not file:
        message = "which file?"
        raise UsageError(message, hint="name one, or - for stdin")
    names = _names(set or ())
    wanted = bool(names) or template or standalone.is_template(file)
    options = standalone.Options(
        files_dir=Path(files_dir) if files_dir else None,
        names=names if wanted else None,
        strict=strict,
        raw=raw,
        checked=True,
    )
    name = "stdin" if file == STDIN else file
    found = standalone.translate(_contents(file), name, options)
    if json:
        show.emit("butane.translate", [_item(name, found)], findings=found.findings)
    else:
        show.data_bytes(found.output)
    show.findings(found.findings)
    show.say(f"{name}: {found.kind}, {found.sha256}")
    if not json and sys.stdout.isatty():
        show.next_step(f"{show.program()} butane.translate {file} > FILE keeps it")


@task(
    help={
        "file": "Butane file, or an Ignition config (.ign), or - for stdin",
        "root": "folder that stands for the machine's root; made when missing",
        "engine": "direct or salt",
        "files-dir": "folder of the local files that it may name",
        "set": "NAME=VALUE, a text that the template may use; can be given again",
        "json": show.JSON,
    },
    iterable=["set"],
)
def apply(  # noqa: PLR0913 - the options of a task
    _context: Context,
    file: str = "",
    root: str = "",
    engine: str = "direct",
    files_dir: str = "",
    set: Sequence[str] | None = None,  # noqa: A002 - the name of the option
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Bring a folder to what one Butane file says, as a machine would be; nothing is started.

    Examples:
        invoke butane.apply config.bu --root /tmp/machine
        invoke butane.apply config.bu --root /tmp/machine --engine salt
        invoke butane.apply config.ign --root /tmp/machine
    """
    from pathlib import Path

    from toolbox.lib.butane import standalone
    from toolbox.lib.core.errors import UsageError
    from toolbox.lib.core.files import sha256
    from toolbox.lib.reconfigure import change as changing
    from toolbox.lib.reconfigure.desire import ignition
    from toolbox.lib.reconfigure.engines.contract import known
    from toolbox.tasks import change

    if not file or not root:
        message = "which file?" if not file else "into which folder?"
        raise UsageError(message, hint="invoke butane.apply config.bu --root /tmp/machine")
    engine = known(engine)
    source, name = _contents(file), "stdin" if file == STDIN else file
    findings: Sequence[Finding] = ()
    if not file.endswith(IGNITION_SUFFIX):
        names = _names(set or ())
        wanted = names if names or standalone.is_template(file) else None
        folder = Path(files_dir) if files_dir else None
        options = standalone.Options(files_dir=folder, names=wanted, raw=True, checked=True)
        found = standalone.translate(source, name, options)
        source, findings = found.output, found.findings
    seen, report = changing.into(Path(root), ignition.read(source, sha256(source)), engine)
    change.tell_folder("butane.apply", seen, report, findings, as_json=json)


def _item(name: str, found: Translated) -> dict[str, object]:
    text = found.output.decode()
    return {"file": name, "kind": found.kind, "sha256": found.sha256, "output": text}


def _names(given: Sequence[str]) -> dict[str, str]:
    """Return names and values of NAME=VALUE."""
    from toolbox.lib.core.errors import UsageError
    from toolbox.lib.inventory.names import IDENTIFIER

    names: dict[str, str] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not IDENTIFIER.fullmatch(name):
            message = f"--set {word} is not NAME=VALUE"
            hint = "such as --set name=web; a name has letters, digits and _"
            raise UsageError(message, hint=hint)
        if name in names:
            message = f"{name} is set twice"
            raise UsageError(message, hint="set it once")
        names[name] = value
    return names


def _contents(file: str) -> bytes:
    """Return the contents of a file, or of stdin."""
    from pathlib import Path

    from toolbox.lib.core.errors import UsageError

    if file == STDIN:
        return sys.stdin.buffer.read()
    path = Path(file)
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        message = f"there is no file {file}"
        raise UsageError(message, hint=_nearest(path)) from error
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror}"
        raise UsageError(message) from error


def _nearest(path: Path) -> str | None:
    from toolbox.lib.inventory.names import closest

    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    close = closest(path.name, [entry.name for entry in path.parent.iterdir()])
    return f"did you mean {path.parent / close}?" if close else None


ns = Collection("butane", translate, apply)
