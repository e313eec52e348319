"""Whether a secret stands in clear somewhere: canaries, and how they are looked for.

A secret is known by its text; a file of a key by each of its lines, so that it is found with other
line ends and indented. What is searched is unpacked first (`disguise`).
"""

from __future__ import annotations

import base64
import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolbox.lib.core.report import Finding, Severity
from toolbox.lib.core.run import run
from toolbox.lib.vault import disguise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from toolbox.lib.core.secret import Secret

SHORTEST = 8
"""Characters of the shortest text that is searched for; shorter ones stand everywhere by chance."""

LONG = 2 * disguise.SHORTEST_RUN
"""Bytes of a text that is long enough to be found where Base64 is unpacked."""

LARGEST = 32 << 20
"""Bytes of the largest file that is searched; disks and memory of machines are larger."""

BATCH = 8 << 20
"""Bytes of git's objects that are read at once."""

OPENSSH = b"b3BlbnNzaC1rZXktdjEA"
"""How each private key of OpenSSH begins, so its first line tells nothing."""

LENGTH = 4
"""Bytes of the length that each field of ssh's formats begins with."""

FEWEST = 8
"""Bytes of a key that its last line holds at least to be known by it."""

KEY = b"PRIVATE KEY-----"
CODE = "secret-in-clear"
HINT = "replace it: whoever could read this place knows it"
SECONDS = 600
SKIPPED = (".git", "node_modules", "__pycache__")


@dataclass(frozen=True, slots=True)
class Canary:
    """A secret to look for.

    Attributes:
        name: What it is called in findings.
        parts: Texts by which it is known.
        packed: Short ones in Base64, in each of the three alignments.
    """

    name: str
    parts: tuple[bytes, ...]
    packed: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Leak:
    """A secret that stands somewhere in clear.

    Attributes:
        secret: Its name.
        where: The place.
        how: How it is packed; empty for as it is.
    """

    secret: str
    where: str
    how: str

    def finding(self) -> Finding:
        """Return it as a finding."""
        packed = f", {self.how}" if self.how else ""
        message = f"{self.secret} stands here in clear{packed}"
        return Finding(self.where, None, None, Severity.ERROR, CODE, message, HINT)


@dataclass(frozen=True, slots=True)
class Place:
    """Something that was searched.

    Attributes:
        name: What it is.
        searched: How many texts.
        left_out: How many were too large, or could not be read.
    """

    name: str
    searched: int
    left_out: int


def canaries(
    secrets: Mapping[str, Secret] | Mapping[str, Secret | None],
) -> tuple[tuple[Canary, ...], tuple[str, ...]]:
    """Return what to look for, and the names of secrets that cannot be looked for.

    Args:
        secrets: The secrets by their names; None for one that is no text.
    """
    made = [
        _canary(name, secret.reveal().encode() if secret else b"")
        for name, secret in secrets.items()
    ]
    return (
        tuple(canary for canary in made if canary.parts),
        tuple(canary.name for canary in made if not canary.parts),
    )


def search(data: bytes, wanted: Sequence[Canary], where: str) -> list[Leak]:
    """Return the secrets that a text has, whatever it is packed in.

    Args:
        data: The text.
        wanted: What to look for.
        where: The place, for the leaks.
    """
    texts: dict[str, list[bytes]] = {}
    for how, text in disguise.layers(data):
        texts.setdefault(how, []).append(text)
    found: dict[str, str] = {}
    for how, some in texts.items():
        # Reason: looking once through a long text is quicker than many times through short ones.
        joined = b"\n".join(some)
        for canary in wanted:
            if canary.name not in found and any(part in joined for part in canary.parts):
                found[canary.name] = how
            elif canary.name not in found and any(part in joined for part in canary.packed):
                found[canary.name] = f"{how} base64".strip()
    return [Leak(name, where, how) for name, how in found.items()]


def files(
    folder: Path,
    wanted: Sequence[Canary],
    *,
    except_: Sequence[Path] = (),
    largest: int | None = None,
    plainly: bool = False,
) -> tuple[Place, list[Leak]]:
    """Search the files below a folder.

    Args:
        folder: The folder; one that is not there has no files.
        wanted: What to look for.
        except_: Files and folders that may have secrets.
        largest: Bytes of the largest file that is searched; `LARGEST` by default.
        plainly: Search larger ones, too, such as images, but do not unpack them.
    """
    searched = left_out = 0
    leaks: list[Leak] = []
    for path in _walk(folder, frozenset(except_)):
        data = _content(path, LARGEST if largest is None else largest)
        found = _streamed(path, wanted) if data is None and plainly else None
        if found is not None:
            searched += 1
            leaks += found
            continue
        if data is None:
            left_out += 1
            continue
        searched += 1
        leaks += search(data, wanted, str(path))
        leaks += search(os.fsencode(path.name), wanted, f"{path.parent} (the name of a file)")
    return Place(str(folder), searched, left_out), leaks


def _streamed(path: Path, wanted: Sequence[Canary]) -> list[Leak] | None:
    """Return the secrets that a file of any size has as they are; None for an unreadable one."""
    parts = [(one.name, part) for one in wanted for part in (*one.parts, *one.packed)]
    overlap = max((len(part) for _name, part in parts), default=1) - 1
    found: dict[str, None] = {}
    try:
        with path.open("rb") as file:
            before = b""
            while more := file.read(BATCH):
                data = before + more
                found |= {name: None for name, part in parts if part in data}
                before = data[max(0, len(data) - overlap) :]
    except OSError:
        return None
    return [Leak(name, str(path), "") for name in found]


def history(root: Path, wanted: Sequence[Canary]) -> tuple[Place, list[Leak]]:
    """Search all that git keeps of a repository: files of all times, and what was said of them.

    Args:
        root: A folder of the repository.
        wanted: What to look for.
    """
    names = _names(root)
    sizes = _objects(root)
    searched = 0
    leaks: list[Leak] = []
    for batch in _batches({name: size for name, size in sizes.items() if size <= LARGEST}):
        for name, data in _read(root, batch):
            searched += 1
            leaks += search(data, wanted, f"git {name[:10]} {names.get(name, '')}".strip())
    return Place(f"git history of {root}", searched, len(sizes) - searched), leaks


def processes(wanted: Sequence[Canary]) -> tuple[Place, list[Leak]]:
    """Search the arguments of all processes, which every user of a computer can read.

    Args:
        wanted: What to look for.
    """
    leaks: list[Leak] = []
    searched = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            data = path.read_bytes()
        except OSError:
            continue
        searched += 1
        leaks += search(data, wanted, f"arguments of process {path.parent.name}")
    return Place("arguments of processes", searched, 0), leaks


def _canary(name: str, text: bytes) -> Canary:
    lines = [line.strip() for line in text.splitlines()]
    public = _public_lines(text) if KEY in text else frozenset()
    kept = [
        line
        for line in (lines if len(lines) > 1 else [text.strip()])
        if len(line) >= SHORTEST and not line.startswith((b"-----", OPENSSH))
    ]
    parts = tuple(dict.fromkeys(line for line in kept if line not in public))
    # Reason: longer ones are found where Base64 is unpacked; in short ones it is not recognized.
    packed = tuple(form for part in parts if len(part) < LONG for form in _packed(part))
    return Canary(name, parts, packed)


def _public_lines(text: bytes) -> frozenset[bytes]:
    """Return the lines of a private key that hold nothing but its public one.

    A certificate may have the same line, and so may the public key of ssh.
    """
    der, ssh = _public_half(text)
    lines = text[text.index(KEY) :].splitlines()[1:]
    body = list(itertools.takewhile(lambda line: not line.startswith(b"-----"), lines))
    try:
        data = base64.b64decode(b"".join(body))
    except ValueError:
        return frozenset()
    # Reason: in OpenSSH's format all is public up to the end of the public key and the length that
    # follows, and a certificate has the same zeros around it.
    clear = data[: data.find(ssh) + len(ssh) + LENGTH] if ssh in data else b""
    ends = len(data) - _padding(data) if clear else len(data)
    known = (der, ssh, clear)
    found = set()
    at = 0
    for line in body:
        end = at + len(line.rstrip(b"="))
        # Reason: a line may begin and end within a byte.
        first, last = -(-at * 6 // 8), end * 6 // 8
        is_known = any(data[first:last] in half for half in known if half)
        # Reason: what is left of the last line may be the same in keys of others, by chance.
        if is_known or (last > ends and ends - first < FEWEST):
            found.add(line.strip())
        at = end
    return frozenset(found)


def _padding(data: bytes) -> int:
    """Return how many bytes at the end of a key of OpenSSH fill it up: no comment, then 1, 2, 3."""
    last = data[-1]
    count = last if data.endswith(bytes(range(1, last + 1))) else 0
    has_no_comment = data[: len(data) - count].endswith(bytes(LENGTH))
    return count + (LENGTH if has_no_comment else 0)


def _public_half(text: bytes) -> tuple[bytes, bytes]:
    """Return the public key of a private one, as X.509 and as ssh has it; empty if unknown."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as forms

    load = forms.load_ssh_private_key if b"OPENSSH" in text else forms.load_pem_private_key
    try:
        public: Any = load(text, None).public_key()
        encoded = public.public_bytes(forms.Encoding.DER, forms.PublicFormat.SubjectPublicKeyInfo)
        ssh = public.public_bytes(forms.Encoding.OpenSSH, forms.PublicFormat.OpenSSH)
        return bytes(encoded), base64.b64decode(ssh.split()[1])
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return b"", b""


def _packed(text: bytes) -> Iterator[bytes]:
    """Yield what a text becomes in Base64, without the signs that its neighbours share."""
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + text)
        first = -(-before * 8 // 6)
        last = (before + len(text)) * 8 // 6
        form = whole[first:last]
        yield form
        if form != (url := form.translate(bytes.maketrans(b"+/", b"-_"))):
            yield url


def _walk(folder: Path, except_: frozenset[Path]) -> Iterator[Path]:
    """Yield the files and links below a folder; pipes and sockets hold nothing."""
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        folders[:] = sorted(
            name for name in folders if name not in SKIPPED and here / name not in except_
        )
        for path in (here / name for name in sorted({*names, *_links(here, folders)})):
            if path not in except_ and (path.is_symlink() or path.is_file()):
                yield path


def _links(here: Path, folders: Sequence[str]) -> list[str]:
    return [name for name in folders if (here / name).is_symlink()]


def _content(path: Path, largest: int) -> bytes | None:
    """Return what a file holds, or where a link leads; None for what is too large or unreadable."""
    try:
        if path.is_symlink():
            return os.fsencode(path.readlink())
        return path.read_bytes() if path.stat().st_size <= largest else None
    except OSError:
        return None


def _names(root: Path) -> dict[str, str]:
    listed = _git(root, "rev-list", "--objects", "--all").decode(errors="replace")
    pairs = (line.partition(" ") for line in listed.splitlines())
    return {name: path for name, _, path in pairs}


def _objects(root: Path) -> dict[str, int]:
    form = "%(objectname) %(objectsize) %(objecttype)"
    listed = _git(root, "cat-file", "--batch-all-objects", f"--batch-check={form}")
    rows = (line.split() for line in listed.decode().splitlines())
    # Reason: a tree has names and hashes; names are of files, whose content has its own object.
    return {name: int(size) for name, size, kind in rows if kind != "tree"}


def _batches(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    batch: list[str] = []
    weight = 0
    for name, size in sizes.items():
        batch.append(name)
        weight += size
        if weight > BATCH:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _read(root: Path, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    asked = "".join(f"{name}\n" for name in names).encode()
    answer = _git(root, "cat-file", "--batch", stdin=asked)
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        name, _kind, size = answer[at:end].decode().split()
        begin = end + 1
        at = begin + int(size) + 1
        yield name, answer[begin : at - 1]


def _git(root: Path, *words: str, stdin: bytes | None = None) -> bytes:
    return run(["git", "-C", root, *words], stdin=stdin, timeout=SECONDS).stdout
