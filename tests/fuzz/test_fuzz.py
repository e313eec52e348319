"""What others write is read without a crash, without hanging, and without leaving its folder.

As tests, some hundred inputs for each target. To try many:

    python tests/fuzz/test_fuzz.py --runs 1000000 [TARGET…]

Inputs are made of the lines in seeds/TARGET.txt, kept, cut, joined and spoiled; what ever broke a
target becomes a line there. A run prints JSON, and its seed, with which it can be run again.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import zlib
from base64 import b64encode
from contextlib import suppress
from functools import cache, lru_cache
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

if __name__ == "__main__":
    # Reason: the library of this checkout is meant, wherever another one is installed.
    sys.path.insert(0, str(Path(__file__).parents[2]))

from toolbox.lib.butane import complaint, dataurl, local, merge, origins, template
from toolbox.lib.butane.layers import Layer
from toolbox.lib.butane.local import LocalError
from toolbox.lib.inventory import revocations
from toolbox.lib.inventory.document import RESET, Items, Scalar, Table, parse, value
from toolbox.lib.inventory.operators import read_keys
from toolbox.lib.pki import keys, krl
from toolbox.lib.reconfigure.desire import ignition, inheritance
from toolbox.lib.reconfigure.engines import job
from toolbox.lib.reconfigure.history import comeback, record
from toolbox.lib.reconfigure.look import answer
from toolbox.lib.reconfigure.look.survey import Survey
from toolbox.lib.reconfigure.planning.decision import decide
from toolbox.lib.reconfigure.telling import words
from toolbox.lib.transport.offer import Refused
from toolbox.lib.transport.request import CHUNK, Reader
from toolbox.lib.vault import age, disguise, identities, markers, recipients

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from toolbox.lib.inventory.document import Node

SEEDS = Path(__file__).parent / "seeds"
RUNS = 300
SLOW_SECONDS = 10.0
"""Far more than any input needs; the fuzzers' word for it is a hang."""

ODD = [
    *"\0\1\t\r\n\"'{}[]%#&*!|>-:,? \\",
    *("\u2028", "\ufeff", "\ud800", "é", "{{", "}}", "{%", "%}"),
]
LOW, HIGH = 1, 12
MOST_CONFIGS = 4
"""Configs that are merged, of those on an input's lines."""

LARGEST_BODY = 20
"""Bytes that the body of a request may have here."""

LARGEST = 65536
"""Bytes that a resource may become here."""

MOST_LAYERS = 100_000
"""Far more than what is inside of any input here."""

GZIP = 16 + zlib.MAX_WBITS
NAMES = {
    "HOSTNAME": "web",
    "OS": "fcos",
    "keys": ["ssh-ed25519 AAAA"],
    "ports": [80, 443],
    "text": "a\nb: c",
    "net": "10.0.0.0/8",
    "nested": {"a": {"b": 1}},
}


def fuzz_template(text: str) -> None:
    """A template renders, or its mistakes are told; each line of it knows where it is from."""
    rendered, findings = template.render(text, "a.bu", NAMES)

    if rendered is None:
        assert findings
    else:
        assert len(rendered.output) == len(rendered.lines)
        assert all(1 <= line <= text.count("\n") + 1 for line in rendered.lines)
        rendered.locate(1, 1)


def fuzz_config(text: str) -> None:
    """Two configs merge into one that is read as it was written, or their mistakes are told."""
    halves = text.split("variant:", 2)
    tables = []
    for half in (text, *halves):
        node, mistakes = parse(half, "a.bu")
        if isinstance(node, Table) and not mistakes:
            tables.append(node)
            merge.duplicates(node)
    merged = merge.merge(tables)
    merge.variants(tables)
    written, places = origins.write(merged)
    again, findings = parse(written, "merged")
    assert not findings, findings
    # Reason: nothing can be written in several ways, and a NaN is not even equal to itself.
    assert repr(value(again)) == repr(value(merged))
    assert len(places.lines) == written.count("\n")


@lru_cache(maxsize=1000)
def _config(line: str) -> Table | None:
    node, mistakes = parse(line, "a.bu", marks=True)
    sound = isinstance(node, Table) and not mistakes and not merge.duplicates(node)
    # Reason: equal items of one list stay, unless it is laid over another, and one that is reset
    # and given goes to the end then; so no law holds there.
    return node if isinstance(node, Table) and sound and not _repeats(node) else None


def _repeats(node: Node) -> bool:
    """Tell whether an item of a list is in another one of it, whatever their marks."""
    items = [value(item) for item in node.items] if isinstance(node, Items) else []
    pairs = ((item, other) for at, item in enumerate(items) for other in items[:at])
    return any(_holds(*pair) or _holds(*reversed(pair)) for pair in pairs) or any(
        _repeats(item) for item in _below(node)
    )


def _holds(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.items() >= other.items()
    return one == other


def _below(node: Node) -> Iterable[Node]:
    if isinstance(node, Table):
        return node.fields.values()
    return node.items if isinstance(node, Items) else ()


def fuzz_merge(text: str) -> None:
    """The configs on the lines are merged by the laws, and none of their marks is left."""
    found = (_config(line) for line in text.splitlines())
    configs = [config for config in found if config is not None][:MOST_CONFIGS]
    whole, _findings = merge.merged(configs)

    assert not _marks(whole)
    assert merge.merge([whole]) == whole
    assert merge.merge([*configs, *configs[-1:]]) == whole
    assert merge.merge([Table({}), *configs, Table({})]) == whole
    joined = Items(tuple(configs))
    for at in range(len(configs)):
        below, above = configs[:at], configs[at:]
        assert merge.merge([merge.join(below), *above]) == whole
        # Reason: what is taken away may itself have taken something away, as a link a file, and
        # the upper ones alone do not tell.
        if not (_changes_kind(configs) or _changes_shape(configs) or _marks(joined, RESET)):
            assert merge.merge([*below, merge.join(above)]) == whole


def _changes_kind(configs: Iterable[Table]) -> bool:
    """Tell whether a path is a file here and a link there, or the like."""
    kinds: dict[object, str] = {}
    for config in configs:
        for step in merge.KINDS_AT:
            held = value(config.get(step[0]))
            for kind in merge.KINDS_AT[step] if isinstance(held, dict) else ():
                items = held.get(kind)
                for item in items if isinstance(items, list) else ():
                    name = item.get("path") if isinstance(item, dict) else item
                    if kinds.setdefault(str(name), kind) != kind:
                        return True
    return False


def _changes_shape(configs: Iterable[Table]) -> bool:
    """Tell whether what is a mapping or a list here is something else there."""
    shapes: dict[tuple[str, ...], type[Node]] = {}

    def differs(node: Node, path: tuple[str, ...]) -> bool:
        if isinstance(node, Scalar) and node.is_null:
            return False
        if shapes.setdefault(path, type(node)) is not type(node):
            return True
        if isinstance(node, Table):
            return any(differs(item, (*path, key)) for key, item in node.fields.items())
        return any(differs(item, (*path, "")) for item in _below(node))

    return any(differs(config, ()) for config in configs)


def _marks(node: Node, *wanted: str) -> bool:
    marked = node.mark in wanted if wanted else bool(node.mark)
    return marked or any(_marks(item, *wanted) for item in _below(node))


def fuzz_dataurl(text: str) -> None:
    """A resource has its bytes, never more than are wanted, or is refused."""
    for line in text.splitlines():
        compression, _, source = line.partition(" ")
        if compression == "packed":
            _check_packed(source.encode(errors="surrogatepass"))
            continue
        resource = {"compression": compression.removeprefix("-"), "source": source}
        try:
            data = dataurl.contents(resource, largest=LARGEST)
        except dataurl.ResourceError:
            continue
        if data is not None:
            assert len(data) <= LARGEST
            assert dataurl.decode(f"data:,{quote(data)}") == data
            assert dataurl.decode(f"data:;base64,{b64encode(data).decode()}") == data


def _check_packed(data: bytes) -> None:
    """Check that packed data is unpacked, in several parts too, and that a bound is one."""
    packed = zlib.compress(data, level=1, wbits=GZIP)
    source = f"data:;base64,{b64encode(packed * 2).decode()}"
    resource = {"compression": "gzip", "source": source}
    assert dataurl.contents(resource, largest=2 * len(data)) == 2 * data
    assert _is_refused(packed[:-1], len(data))
    assert not data or _is_refused(packed * 2, 2 * len(data) - 1)


def _is_refused(packed: bytes, largest: int) -> bool:
    try:
        dataurl.unpacked(packed, "gzip", largest)
    except dataurl.ResourceError:
        return True
    return False


@cache
def _project() -> tuple[Path, TemporaryDirectory[str]]:
    """Return a folder with traps around it; it ends with the process."""
    kept = TemporaryDirectory()
    root = Path(kept.name) / "project"
    (root / "folder").mkdir(parents=True)
    for name in ("file", "folder/file", "../secret"):
        (root / name).write_text("x")
    links = {
        "link-out": "/etc",
        "link-up": "..",
        "loop": "loop",
        "dangling": "none",
        "folder/link-file": "../file",
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    return root, kept


def fuzz_ignition(text: str) -> None:
    """A config says what there shall be, of which a record is kept and read, or is refused."""
    for line in text.splitlines():
        try:
            state = ignition.read(line, "sha256-x")
        except inheritance.ConfigError:
            continue
        paths = [node.path for node in state.nodes]
        assert len({*paths}) == len(paths)
        assert all(path.startswith("/") and ".." not in path.split("/") for path in paths)
        known = record.of(state, generation=0)
        assert record.load(record.dump(known)) == known
        kept = {item.blob.digest: item.blob for item in record.keepsakes(state)}
        assert record.of(comeback.desired(known, kept.get), generation=0).nodes.keys() == {*paths}
        plan = decide(state, Survey(), now="", who="", engine="direct")
        json.dumps(words.as_json(plan))
        assert not any("\x1b" in said for said in words.lines(plan))


def fuzz_path(text: str) -> None:
    """A local path means a file in its folder, or is refused."""
    root, _kept = _project()
    layer = Layer("host", root, root)
    for line in text.splitlines() or [""]:
        try:
            found = local.resolve(layer, line)
        except LocalError:
            continue
        assert found.resolve().is_relative_to(root.resolve()), line


def fuzz_complaint(text: str) -> None:
    """Whatever Butane prints is a list of complaints."""
    for item in complaint.read(text):
        assert item.message is not None


def fuzz_keys(text: str) -> None:
    """A file of keys gives keys of one line each, or its mistakes."""
    read, _findings = read_keys(text, "authorized_keys")
    assert not any("\n" in key for key in read)


def fuzz_revoked(text: str) -> None:
    """Who is revoked is read alike again, and a list is made of it; what is not has a line."""
    lines, findings = revocations.read(text, "revoked_keys")
    assert all(finding.line for finding in findings)
    assert revocations.read("\n".join(lines), "again") == (lines, [])
    assert bool(krl.encoded(lines)) == bool(lines)


def fuzz_pem(text: str) -> None:
    """A file of certificates gives authorities that are read again, or its mistakes."""
    found = keys.bundle(text, "old.pem")

    assert found.certificates or found.findings
    assert "PRIVATE" not in found.text
    assert len(set(found.certificates)) == len(found.certificates)
    again = keys.bundle(found.text, "again.pem")
    assert again.certificates == found.certificates
    assert not found.certificates or not again.findings
    lines = len(text.splitlines()) or 1
    assert all(1 <= (finding.line or 0) <= lines for finding in found.findings)


def fuzz_answer(text: str) -> None:
    """What a machine says is a survey of what was asked for, or nothing."""
    asked = {"/etc/a": "-", "/etc/b c": "+", "/etc/none": "~"}
    said = text.encode(errors="surrogatepass")
    with suppress(record.RecordError):
        seen = answer.read(said, "m", asked, ["a.service", "b@*.service"])
        if seen is not None:
            assert seen.nodes.keys() <= {*asked, *text.split("\n")}
    told = [("/etc/a", "added")]
    assert all(item.what == "/etc/a" for item in job.read(said, told))


def fuzz_recipients(text: str) -> None:
    """Who can open secrets is read alike again, each once; who cannot has a line and a hint."""
    found = recipients.read(text, "authorized_keys")
    texts = [one.text for one in found.recipients]
    assert len(set(texts)) == len(texts)
    assert all(one.isprintable() and "\n" not in one for one in texts)
    assert all(one.line and one.hint for one in found.refused)
    again = recipients.read(recipients.written(found.recipients), "again")
    assert [one.text for one in again.recipients] == texts
    assert all(one.fingerprint for one in found.recipients)


def fuzz_private(text: str) -> None:
    """A file is a private key, a sealed file, or neither; whatever it is packed in."""
    data = text.encode(errors="surrogatepass")
    path = _project()[0] / "key"
    path.write_bytes(data)
    identity = identities.examine(path)
    sealed = age.is_sealed(data)
    if identity is not None:
        age.may_open(identity, data)
    assert isinstance(sealed, bool)
    texts = [inner for _how, inner in disguise.layers(data)]
    assert len(texts) < MOST_LAYERS
    assert markers.search(data) is None or any(b"KEY" in inner.upper() for inner in texts)


def fuzz_request(text: str) -> None:
    """Bytes are a request, none yet, or refused, however they are cut, and can be answered."""
    data = text.replace("\n", "\r\n").encode(errors="replace")
    outcomes = {_request(data, size) for size in (1, 13, CHUNK)}
    assert len(outcomes) == 1, outcomes


def _request(data: bytes, size: int) -> str:
    reader = Reader(LARGEST_BODY)
    outcome = "not yet"
    try:
        for start in range(0, len(data), size):
            request = reader.feed(data[start : start + size])
            if request is not None:
                assert len(request.body) <= LARGEST_BODY
                outcome = repr(request)
                break
    except Refused as refused:
        outcome = str(refused.status)
    answer = reader.answer(HTTPStatus.NOT_FOUND)
    assert answer.count(b"HTTP/1.1 404 ") <= 1
    return outcome


TARGETS: dict[str, Callable[[str], None]] = {
    "template": fuzz_template,
    "config": fuzz_config,
    "merge": fuzz_merge,
    "dataurl": fuzz_dataurl,
    "ignition": fuzz_ignition,
    "path": fuzz_path,
    "complaint": fuzz_complaint,
    "keys": fuzz_keys,
    "answer": fuzz_answer,
    "revoked": fuzz_revoked,
    "pem": fuzz_pem,
    "recipients": fuzz_recipients,
    "private": fuzz_private,
    "request": fuzz_request,
}


@cache
def _lines(target: str) -> tuple[str, ...]:
    return tuple((SEEDS / f"{target}.txt").read_text().splitlines())


def made(target: str, chance: random.Random) -> str:
    """Return an input: lines of the seeds in some order, some of them spoiled."""
    lines = _lines(target)
    start = chance.randrange(len(lines))
    length = chance.randint(LOW, HIGH)
    if chance.random() < 0.5:
        chosen = list(lines[start : start + length])
    else:
        chosen = [chance.choice(lines) for _ in range(length)]
    for _ in range(chance.randint(0, 4)):
        at = chance.randrange(len(chosen))
        chosen[at] = _spoiled(chosen[at], chance)
    return chance.choice(["\n", "\n", "\n", "\r\n", ""]).join(chosen)


def _spoiled(line: str, chance: random.Random) -> str:
    at, end = sorted(chance.randint(0, len(line)) for _ in range(2))
    kind = chance.randrange(5)
    if kind == 0:
        return line[:at] + line[end:]
    if kind == 1:
        return line[:at] + chance.choice(ODD) * chance.randint(1, 3) + line[at:]
    if kind == 2:
        return line[:end] + line[at:]
    if kind == 3:
        return " " * chance.randint(0, 8) + line.lstrip()
    other = chr(chance.randrange(chance.choice([0x80, 0x3000])))
    return line[:at] + other + line[end:]


@pytest.mark.parametrize("target", TARGETS)
def test_target(target: str) -> None:
    """Some hundred inputs, others in each run; the seed that is printed makes them again."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    assert _run(target, RUNS, seed) < SLOW_SECONDS


@pytest.mark.parametrize("target", TARGETS)
def test_seeds(target: str) -> None:
    """Each seed alone, and all of them together."""
    for text in (*_lines(target), "\n".join(_lines(target)), ""):
        TARGETS[target](text)


def _run(target: str, runs: int, seed: int) -> float:
    """Try many inputs; return the seconds of the slowest."""
    chance = random.Random(seed)
    slowest = 0.0
    for _ in range(runs):
        text = made(target, chance)
        # Reason: processor seconds, as a computer may stop us for any time.
        began = time.process_time()
        try:
            TARGETS[target](text)
        except BaseException:
            print(f"{target}: {text!r}", file=sys.stderr)
            raise
        seconds = time.process_time() - began
        assert seconds < SLOW_SECONDS, text
        slowest = max(slowest, seconds)
    return slowest


def main() -> None:
    """Try what is asked for and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("targets", nargs="*", default=list(TARGETS))
    given = parser.parse_args()
    for target in given.targets:
        began = time.monotonic()
        slowest = _run(target, given.runs, given.seed)
        facts = {"target": target, "runs": given.runs, "seed": given.seed}
        seconds = {"seconds": round(time.monotonic() - began, 1), "slowest": round(slowest, 3)}
        print(json.dumps(facts | seconds), flush=True)


if __name__ == "__main__":
    main()
