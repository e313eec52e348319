"""Compare butane.translate with Butane itself on all Butane files in a folder.

    python bench/butane_files.py FOLDER

Each file is translated by both, with and without --strict, as MachineConfig and raw, with its own
folder as --files-dir. Both must accept it or refuse it, and make the same bytes of it. So must
Butane of what a host gets of it: read, merged with nothing and written anew. A refusal
must name a line, and the line that Butane names where it tells one with a path; that of an invalid
unit may be more exact. What differs is printed; without differences the exit code is 0.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":
    # Reason: the library of this checkout is meant, wherever another one is installed.
    sys.path.insert(0, str(Path(__file__).parents[1]))

from toolbox.lib.butane import merge, origins
from toolbox.lib.butane.standalone import Options, translate
from toolbox.lib.core.errors import ToolboxError
from toolbox.lib.inventory import document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolbox.lib.core.report import Finding

SUFFIXES = {".bu", ".butane", ".fcc", ".yaml", ".yml"}
HEAD = re.compile(rb"^variant: *[\"']?([\w-]+)", re.MULTILINE)
VERSION = re.compile(rb"^version: *[\"']?([\w.-]+)", re.MULTILINE)
ENTRY = re.compile(r"(error|warning|info) at \$\S*, line ([0-9]+) col [0-9]+: .*")
BAD_UNIT = "invalid unit content"
"""What Butane says at the beginning of a unit, and we at the line that is meant."""

INCONSISTENT = "Line and column reporting may be inconsistent"
"""What Butane says when it does not trust its own lines: of aliases, for one."""

OURS = {"several-documents", "duplicate-entry"}
"""What is refused in a file of a host though Butane takes it, as it does not read or mean it."""


@dataclass(frozen=True)
class Compared:
    """What one file came to in one way of translating it."""

    accepted: bool
    differences: list[str]


def files(folder: Path) -> Iterator[Path]:
    """Yield the Butane files in a folder."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in SUFFIXES and path.is_file() and HEAD.search(path.read_bytes()):
            yield path


def compare(path: Path, *, strict: bool, raw: bool, verbose: bool = False) -> Compared:
    """Translate a file with Butane and with the library."""
    flags = [*(["--strict"] if strict else []), *(["--raw"] if raw else [])]
    butane = subprocess.run(
        ["butane", "--raw-errors", *flags, "--files-dir", path.parent],
        input=path.read_bytes(),
        capture_output=True,
        check=False,
    )
    options = Options(files_dir=path.parent, strict=strict, raw=raw)
    try:
        ours = translate(path.read_bytes(), str(path), options)
    except ToolboxError as error:
        if verbose:
            print("\n".join(finding.render() for finding in error.findings))
        if butane.returncode == 0:
            return Compared(accepted=True, differences=[f"only we refuse it: {error.message}"])
        return Compared(accepted=False, differences=list(_lines(butane.stderr, error.findings)))
    if butane.returncode != 0:
        said = butane.stderr.decode(errors="replace")
        return Compared(accepted=False, differences=[f"only Butane refuses it: {said}"])
    differences = list(_lines(butane.stderr, ours.findings))
    if butane.stdout != ours.output:
        differences.append("other bytes come out")
    if butane.stdout.startswith(b"{") and json.loads(butane.stdout) != json.loads(ours.output):
        differences.append("another Ignition config comes out")
    return Compared(accepted=True, differences=differences)


def rewritten(path: Path) -> Iterator[str]:
    """Yield how a file is another one once it is read, merged with nothing and written anew."""
    before = _strict(path.read_bytes(), path)
    node, mistakes = document.parse(path.read_bytes().decode(errors="replace"), str(path))
    wrong = [*mistakes, *(merge.duplicates(node) if isinstance(node, document.Table) else ())]
    if isinstance(node, document.Table) and not wrong:
        after = _strict(origins.write(merge.merge([node]))[0].encode(), path)
        if (before.stdout, before.returncode) != (after.stdout, after.returncode):
            yield f"a host gets another config of it: {after.stderr.decode(errors='replace')}"
    elif before.returncode == 0 and not OURS & {item.code for item in wrong}:
        yield f"only for a host it is refused: {[item.render() for item in wrong]}"


def _strict(config: bytes, path: Path) -> subprocess.CompletedProcess[bytes]:
    command = ["butane", "--strict", "--raw", "--files-dir", path.parent]
    return subprocess.run(command, input=config, capture_output=True, check=False)


def _lines(stderr: bytes, findings: tuple[Finding, ...]) -> Iterator[str]:
    """Yield where lines are missing or other ones than Butane's."""
    said = stderr.decode(errors="replace")
    if said.strip() and not findings and "error" in said.lower():
        yield "there are no findings"
    for finding in findings:
        if finding.line is None:
            yield f"no line: {finding.render()}"
    told = (line for line in said.splitlines() if BAD_UNIT not in line)
    entries = [found for line in told if (found := ENTRY.fullmatch(line))]
    theirs = {int(found[2]) for found in entries}
    mine = {finding.line for finding in findings}
    if INCONSISTENT not in said and not theirs <= mine:
        yield f"Butane names lines {sorted(theirs - mine)}, we {sorted(filter(None, mine))}"


def main() -> int:
    """Compare and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--verbose", action="store_true", help="print what refusals say")
    chosen = parser.parse_args()
    accepted, refused, differences = Counter[str](), Counter[str](), 0
    for path in files(chosen.folder):
        head, version = HEAD.search(path.read_bytes()), VERSION.search(path.read_bytes())
        kind = (head[1] + b" " + (version[1] if version else b"?")).decode() if head else "?"
        for strict, raw in itertools.product((False, True), repeat=2):
            verbose = chosen.verbose and not strict and not raw
            compared = compare(path, strict=strict, raw=raw, verbose=verbose)
            differences += len(compared.differences)
            for difference in compared.differences:
                way = f"{'--strict ' if strict else ''}{'--raw ' if raw else ''}"
                print(f"{path}: {way}{difference}")
            if strict and raw:
                anew = list(rewritten(path))
                differences += len(anew)
                for difference in anew:
                    print(f"{path}: {difference}")
            if not strict and not raw:
                (accepted if compared.accepted else refused)[kind] += 1
    for kind in sorted({*accepted, *refused}):
        print(f"{kind:<28} accepted {accepted[kind]:>4}  refused {refused[kind]:>4}")
    print(f"{accepted.total() + refused.total()} files, {differences} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
