"""SELinux modules: the source of one is compiled here, so that a machine needs no compiler."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolbox.lib.core.files import runtime_dir
from toolbox.lib.core.run import run
from toolbox.lib.core.scratch import scratch
from toolbox.lib.inventory.document import Place

if TYPE_CHECKING:
    from toolbox.lib.core.report import Finding

COMPILER = "checkmodule"
SECONDS = 60.0
"""Far more than a module takes."""

COMMENT = re.compile(r"#[^\n]*")
NAME = re.compile(r"\s*module\s+([A-Za-z0-9_.-]+)\s")
ENTRY = re.compile(r".*?:([0-9]+):ERROR '(.*)' at token '(.*)' on line [0-9]+:")
HINTS = (
    ("unknown type", "name it in the require block"),
    ("unknown class", "name it in the require block"),
    ("no module specification", "begin with a line such as: module local 1.0;"),
)


def compiled(source: bytes, file: str) -> tuple[bytes | None, list[Finding]]:
    """Compile the source of a policy module, as ``checkmodule -M -m`` does.

    Args:
        source: The source, what a ``.te`` file holds.
        file: Its name in findings.

    Returns:
        The binary module, None when something is wrong, and everything that is wrong.

    Raises:
        ProgramMissing: The compiler is not installed.
    """
    # Reason: the compiler refuses to write a module to a file that is named otherwise.
    named = NAME.match(COMMENT.sub("", source.decode(errors="replace")))
    name = named[1] if named else "module"
    with scratch(runtime_dir(), "selinux") as folder:
        (folder / "source.te").write_bytes(source)
        command = [COMPILER, "-M", "-m", "-o", f"{name}.mod", "source.te"]
        result = run(command, cwd=folder, timeout=SECONDS, check=False)
        module = folder / f"{name}.mod"
        if result.ok and module.is_file():
            return module.read_bytes(), []
    said = (result.stderr + result.stdout).decode(errors="replace")
    return None, _findings(said, file)


def _findings(said: str, file: str) -> list[Finding]:
    found = []
    for entry in filter(None, map(ENTRY.fullmatch, said.splitlines())):
        what = entry[2] if entry[2] != "syntax error" else f"syntax error at {entry[3]!r}"
        hint = next((advice for part, advice in HINTS if part in entry[2]), None)
        found.append(Place(file, int(entry[1])).finding("selinux", what, hint))
    if found:
        return found
    last = [line for line in said.splitlines() if line.strip()] or ["it did not say why"]
    message = f"{COMPILER} refuses it: {last[-1].removeprefix(f'{COMPILER}:').strip()}"
    return [Place(file).finding("selinux", message)]
