"""Compose files, judged by the config command of Docker Compose, which needs no daemon for it.

podman-compose, which machines run, takes what it does not know without a word, so it is no judge.
"""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolbox.lib.butane.check.root import Root
from toolbox.lib.core.run import run, which
from toolbox.lib.inventory.document import Items, Scalar, Table, parse, value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from toolbox.lib.butane.contents import Content
    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.document import Node, Place

    Keys = tuple[str | int, ...]

PROGRAMS = (
    "docker-compose",
    "/usr/libexec/docker/cli-plugins/docker-compose",
    "/usr/lib/docker/cli-plugins/docker-compose",
)
"""Names of Docker Compose on Debian and Fedora; where it is a plugin, it runs by itself, too."""

SECONDS = 30.0
LAST_CODE = 125
ROUNDS = 25
"""Docker Compose tells one mistake at a time."""

STEMS = ("compose", "docker-compose")
SUFFIXES = (".yaml", ".yml")
OVERRIDE = ".override"

VALIDATING = "validating "
ADDITIONAL = re.compile(r"Additional property (.+) is not allowed")
DOTTED = re.compile(r"(services|networks|volumes|secrets|configs)((?:\[[^]]+\]|\.[^\s,;:']+)+)")
WHOLE = "(root)"
SERVICE = re.compile(r'service "([^"]+)"')
UNSET = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?:\}|:?\?)|([A-Za-z_]\w*))")
MISSING = re.compile(r"(?:env file (?P<env>.+) not found|open (?P<file>.+): no such file)")
OFFLINE = {"COMPOSE_EXPERIMENTAL_GIT_REMOTE": "0", "COMPOSE_EXPERIMENTAL_OCI_REMOTE": "0"}
DISABLED = "remote resource is disabled"
"""What it says then of files that it would fetch."""

OTHER_FILES = ("include", "extends")
"""Keys that name files."""

INTERPOLATION = "invalid interpolation format"
HINTS = (
    ("Additional property", "check how it is spelt, and below what it stands"),
    (INTERPOLATION, "write $$ where a dollar sign is meant"),
    ("depends on undefined service", "name a service of the file"),
    ("refers to undefined", "define it at the top level of the file"),
)
NOISE = re.compile(r'^time="[^"]*" level=(?:warning|info|debug) .*$', re.MULTILINE)
NO_MISTAKES = frozenset({"several-documents", "yaml-tag"})
"""What is right in a Compose file, though not in Butane."""

SHORT_WORD = 3
DUMMY = "1"
"""Value of variables that only the machine knows."""


def program() -> str:
    """Return where Docker Compose is, or its usual name."""
    return next((name for name in PROGRAMS if which(name)), PROGRAMS[0])


def projects(files: Mapping[str, Content]) -> tuple[tuple[Content, ...], ...]:
    """Return the Compose files of each folder, what overrides behind what it overrides."""
    folders = sorted({posixpath.dirname(path) for path in files})
    found = (tuple(_files(files, folder)) for folder in folders)
    return tuple(project for project in found if project)


def _files(files: Mapping[str, Content], folder: str) -> Iterator[Content]:
    for stem in STEMS:
        for suffix in SUFFIXES:
            content = files.get(f"{folder}/{stem}{suffix}")
            if content and content.is_text:
                yield content
                others = (f"{folder}/{stem}{OVERRIDE}{other}" for other in SUFFIXES)
                yield from (files[path] for path in others if path in files)
                return


def judge(
    project: Sequence[Content], files: Mapping[str, Content], folder: Path
) -> tuple[Finding, ...]:
    """Let Docker Compose judge the files of a folder.

    Args:
        project: The Compose files, as `projects` gives them.
        files: All files of the machine.
        folder: Private and empty.

    Raises:
        ProgramMissing: There is no Docker Compose.
        ProgramFailed: It crashes.
        DeadlineError: It does not end.
    """
    judge_of = _Judge(Root(folder), project, files)
    return tuple(judge_of.judged())


@dataclass(slots=True)
class _Judge:
    root: Root
    project: Sequence[Content]
    files: Mapping[str, Content]
    trees: dict[str, Node] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def judged(self) -> Iterator[Finding]:
        """Yield what is wrong."""
        for content in self.project:
            self._read(content)
        if not self.findings:
            self._prepare()
            for _ in range(ROUNDS):
                if not self._round():
                    break
        yield from dict.fromkeys(self.findings)

    def _read(self, content: Content) -> None:
        node, mistakes = parse(content.text, content.path, content.at)
        wrong = [mistake for mistake in mistakes if mistake.code not in NO_MISTAKES]
        self.findings += wrong
        if node is not None:
            self.trees[content.path] = node
        elif not wrong:
            self._note(content.at(1), "the file is empty")

    def _prepare(self) -> None:
        """Write the project's folder, with all that is in it."""
        top = f"{posixpath.dirname(self.project[0].path)}/"
        for path, content in self.files.items():
            if path.startswith(top):
                self.root.put(content)

    def _round(self) -> bool:
        """Ask once; return whether something was taken away, so that more may be said."""
        named = [word for file in self.project for word in ("-f", self.root.real(file.path))]
        result = run(
            [program(), *named, "--project-name", "checked", "config", "--quiet"],
            env=self._environment(),
            cwd=self.root.folder,
            timeout=SECONDS,
            # Reason: it has many codes for what it refuses; a signal is none of them.
            ok=range(LAST_CODE + 1),
        )
        if result.ok:
            return False
        said = NOISE.sub("", result.stderr.decode(errors="replace")).strip()
        said = said.replace(str(self.root.folder), "")
        missing = MISSING.search(said)
        if missing:
            return self._without_file(missing)
        if DISABLED in said:
            return self._drop(*OTHER_FILES)
        path, keys, message = self._blamed(said)
        place, node = self._at(path, keys)
        # Reason: what a variable stands for only the machine knows.
        known = "$" not in _texts(node) or INTERPOLATION in said
        if known:
            self._note(place, message)
        return self._take(path, keys)

    def _environment(self) -> dict[str, str]:
        given = {"HOME": str(self.root.folder), "DOCKER_CONFIG": str(self.root.folder), **OFFLINE}
        texts = (content.text.replace("$$", "") for content in self.project)
        names = {first or second for text in texts for first, second in UNSET.findall(text)}
        beside = self.files.get(f"{posixpath.dirname(self.project[0].path)}/.env")
        known = {line.partition("=")[0].strip() for line in beside.lines} if beside else set()
        return dict.fromkeys(sorted(names - known - {*given, "PATH"}), DUMMY) | given

    def _without_file(self, missing: re.Match[str]) -> bool:
        """Go on without a file that the machine may have."""
        path = missing["env"] or missing["file"]
        if missing["env"] and self.root.write(path, b""):
            # Reason: a path outside of the folder is looked for in the toolbox, and not there.
            inside = path.startswith(posixpath.dirname(self.project[0].path))
            return inside or self._drop("env_file")
        return self._drop(*OTHER_FILES)

    def _drop(self, *keys: str) -> bool:
        dropped = {path: _dropped(node, keys) for path, node in self.trees.items()}
        changed = [path for path, node in dropped.items() if node != self.trees[path]]
        for path in changed:
            self._keep(path, dropped[path])
        return bool(changed)

    def _keep(self, path: str, node: Node) -> None:
        self.trees[path] = node
        self.root.write(path, json.dumps(value(node)).encode())

    def _blamed(self, said: str) -> tuple[str, Keys, str]:
        """Return the file and the keys that a complaint is about, and the complaint in short."""
        message, path = said, self.project[0].path
        for content in self.project:
            if said.startswith(f"{VALIDATING}{content.path}: "):
                path, message = content.path, said.removeprefix(f"{VALIDATING}{content.path}: ")
        dotted, _, rest = message.partition(" ")
        if dotted != WHOLE:
            found = DOTTED.search(message)
            dotted = re.sub(r"\[([^]]*)\]", r".\1", found[0]).rstrip(".") if found else ""
        additional = ADDITIONAL.search(message)
        for file in dict.fromkeys((path, *self.trees)):
            tree = self.trees.get(file)
            if dotted:
                more = additional[1] if additional else None
                keys = _keys(tree, dotted.removeprefix(WHOLE), more)
            else:
                keys = _named(tree, message)
            if keys:
                return (
                    file,
                    keys,
                    _short(rest if dotted and message.startswith(dotted) else message),
                )
        return path, (), _short(message)

    def _at(self, path: str, keys: Keys) -> tuple[Place, Node | None]:
        """Return where the value at some keys was written, and the value."""
        content = next(file for file in self.project if file.path == path)
        node: Node | None = self.trees.get(path)
        place = content.at(1)
        for key in keys:
            if isinstance(node, Table) and isinstance(key, str):
                place, node = node.key_place(key), node.fields.get(key)
            elif isinstance(node, Items) and isinstance(key, int):
                node = node.items[key]
                place = node.place
        return place, node

    def _take(self, path: str, keys: Keys) -> bool:
        """Take what was complained of out of what Docker Compose sees."""
        tree = self.trees.get(path)
        if not keys or tree is None:
            return False
        # Reason: a service without an image would be the next complaint, and none of a person's.
        instead = Scalar(DUMMY) if keys[-1] == "image" else None
        self._keep(path, _without(tree, keys, instead))
        return True

    def _note(self, place: Place, message: str) -> None:
        hint = next((hint for said, hint in HINTS if said in message), None)
        self.findings.append(place.finding("compose", f"Compose refuses it: {message}", hint))


def _keys(node: Node | None, dotted: str, more: str | None = None) -> Keys | None:
    """Return the keys of a dotted path, as far as they are there; keys may have dots in them."""
    found: list[str | int] = []
    rest = dotted
    while rest:
        if isinstance(node, Table):
            names = (name for name in node.fields if rest == name or rest.startswith(f"{name}."))
            name = max(names, key=len, default=None)
            if name is None:
                break
            found.append(name)
            node, rest = node.fields[name], rest[len(name) + 1 :]
        elif isinstance(node, Items):
            head, _, rest = rest.partition(".")
            if not head.isdecimal() or int(head) >= len(node.items):
                break
            found.append(int(head))
            node = node.items[int(head)]
        else:
            break
    if more is not None:
        if not isinstance(node, Table) or more not in node.fields:
            return None
        found.append(more)
    return tuple(found) if found else None


def _named(tree: Node | None, message: str) -> Keys | None:
    """Return the keys of what a complaint names: a service, a value in it, or any value."""
    service = SERVICE.search(message)
    top: Keys = ("services", service[1]) if service else ()
    node = tree
    for key in top:
        node = node.get(str(key)) if isinstance(node, Table) else None
    if node is None:
        return None
    words = re.findall(r"[^\s\"',:;]+", SERVICE.sub("", message, count=1))
    best: tuple[int, Keys] = (0, top)
    for keys, text in _scalars(node):
        parts = {text, *re.split(r"[:\s]", text)}
        named = any(word in parts for word in words if len(word) >= SHORT_WORD or word == text)
        keyed = any(str(key) in words for key in keys)
        score = 2 * named + keyed if named else 0
        if score > best[0]:
            best = (score, (*top, *keys))
    return best[1] or None


def _scalars(node: Node, keys: Keys = ()) -> Iterator[tuple[Keys, str]]:
    """Yield the texts in a tree with their keys; keys of mappings are texts as well."""
    if isinstance(node, Scalar):
        yield keys, node.text
    elif isinstance(node, Table):
        for key, child in node.fields.items():
            if keys:
                yield (*keys, key), key
            yield from _scalars(child, (*keys, key))
    else:
        for number, child in enumerate(node.items):
            yield from _scalars(child, (*keys, number))


def _texts(node: Node | None) -> str:
    return " ".join(text for _, text in _scalars(node)) if node is not None else ""


def _without(node: Node, keys: Keys, instead: Node | None = None) -> Node:
    """Return a tree without the value at some keys, or with something instead of it."""
    head, rest = keys[0], keys[1:]
    if isinstance(node, Table) and isinstance(head, str):
        fields = dict(node.fields)
        child = fields.pop(head)
        new = _without(child, rest, instead) if rest else instead
        if new is not None:
            fields[head] = new
        return Table(fields, node.place, node.keys)
    if isinstance(node, Items) and isinstance(head, int):
        items = list(node.items)
        new = _without(items[head], rest, instead) if rest else instead
        items[head : head + 1] = [new] if new is not None else []
        return Items(tuple(items), node.place)
    return node


def _dropped(node: Node, keys: Sequence[str]) -> Node:
    """Return a tree without some keys, wherever they are."""
    if isinstance(node, Table):
        kept = {key: _dropped(child, keys) for key, child in node.fields.items() if key not in keys}
        return Table(kept, node.place, node.keys)
    if isinstance(node, Items):
        return Items(tuple(_dropped(item, keys) for item in node.items), node.place)
    return node


def _short(message: str) -> str:
    """Return a complaint on one line."""
    text = " ".join(message.partition(" You may need to")[0].partition("\nYou may")[0].split())
    text = text.removeprefix("decoding failed due to the following error(s): ")
    return text.removesuffix(": invalid compose project").rstrip(".")
