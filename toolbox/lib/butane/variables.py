"""A host's variables laid over the environment contract, with what is wrong at its place."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from toolbox.lib.inventory import names
from toolbox.lib.inventory.document import Items, Place, Table, parse
from toolbox.lib.inventory.project import HOSTS_FOLDER, PROJECT_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from ipaddress import IPv4Network, IPv6Network

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.document import Node
    from toolbox.lib.inventory.host import Host
    from toolbox.lib.inventory.project import Project

    Path = tuple[str | int, ...]

VARIABLES = "variables"
NETWORKS = ("INTERNAL_CIDR", "NSPAWN_CIDR", "PODMAN_CIDR", "PODMAN_POOL_CIDR", "LIBVIRT_CIDR")
STATIC_NETWORKS = "PODMAN_STATIC_NETWORKS"
POOL = "PODMAN_POOL_CIDR"
ALIKE = 0.9
"""How alike a name and one of the contract are for the one to be a slip of the other."""

WORDS = {
    "bool_type": "true or false is wanted here",
    "dict_type": "keys with values are wanted here",
    "int_type": "a whole number is wanted here",
    "list_type": "a list is wanted here",
    "model_type": "keys with values are wanted here",
    "string_type": "a text is wanted here; put it into quotes",
}
BOOLEANS = {"yes": "true", "on": "true", "no": "false", "off": "false"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a variable.

    Attributes:
        path: Where it is, from the variable's name on.
        code: Kind of the finding.
        message: What is wrong.
        hint: What to do.
        key: The key is wrong and not its value.
    """

    path: Path
    code: str
    message: str
    hint: str | None = None
    key: bool = False


def resolve(variables: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Return variables laid over the contract, and what is wrong with them.

    What is wrong is left out of the values, so that templates can still be looked at.
    """
    from pydantic import ValidationError

    from toolbox.lib.butane.contract import Contract

    known = Contract.model_fields
    own = {name: value for name, value in variables.items() if name not in known}
    written = {name: value for name, value in variables.items() if name in known}
    problems = [problem for name in own for problem in _misspelt(name, known)]
    try:
        contract = Contract.model_validate(written)
    except ValidationError as error:
        # Reason: a default that is made from what is wrong is no second mistake.
        made = "default_factory_not_called"
        details = [d for d in error.errors(include_url=False) if d["type"] != made]
        problems += [_problem(detail) for detail in details]
        wrong = {detail["loc"][0] for detail in details}
        right = {name: value for name, value in written.items() if name not in wrong}
        contract = Contract.model_validate(right)
    values = contract.model_dump()
    problems += _overlaps(values, written)
    return {**own, **values}, problems


def _misspelt(name: str, known: Iterable[str]) -> Iterator[Problem]:
    """Find a name that is almost one of the contract, which would silently keep its default."""
    close = names.closest(name, known) if name.isupper() else None
    if close is None or close in name or name in close:
        return
    # Reason: NETWORK2 beside NETWORK is no slip.
    plain = "".join(letter for letter in name if not letter.isdecimal())
    alike = difflib.SequenceMatcher(None, name, close).ratio() >= ALIKE
    if alike and plain not in (close, "".join(x for x in close if not x.isdecimal())):
        message = f"{name} is almost a name of the contract"
        hint = f"did you mean {close}? else take another name"
        yield Problem((name,), "misspelt-name", message, hint, key=True)


def _overlaps(values: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[Problem]:
    """Find networks that hold the same addresses; the pool is there to hold static ones."""
    if not {*NETWORKS, STATIC_NETWORKS} & written.keys():
        return
    from ipaddress import ip_interface

    places: list[tuple[Path, IPv4Network | IPv6Network]] = [
        ((name,), ip_interface(values[name]).network) for name in NETWORKS
    ]
    places += [
        ((STATIC_NETWORKS, name), ip_interface(cidr).network)
        for name, cidr in values[STATIC_NETWORKS].items()
    ]
    for at, (path, network) in enumerate(places):
        for other, taken in places[:at]:
            allowed = other[0] == POOL and path[0] == STATIC_NETWORKS
            if allowed or not _overlap(network, taken):
                continue
            # Reason: a default is not what a person can mend.
            blamed, rest = (path, other) if path[0] in written else (other, path)
            message = f"{_dotted(blamed)} and {_dotted(rest)} hold the same addresses"
            hint = f"{network} and {taken} overlap: change one of them"
            yield Problem(blamed, "overlapping-networks", message, hint)


def _overlap(one: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _problem(detail: ErrorDetails) -> Problem:
    """Return what pydantic found in our words."""
    path = tuple(detail["loc"])
    kind, given = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        known = keys(path[:-1])
        hint = names.suggestion(str(path[-1]), known)
        return Problem(
            path, "unknown-key", f"{_dotted(path[:-1])} has no {path[-1]}", hint, key=True
        )
    if path[-1] == "[key]":
        path = path[:-1]
    if kind == "missing":
        message = f"the key {path[-1]} is missing"
        return Problem(path[:-1], "missing-key", f"{_dotted(path[:-1])}: {message}")
    context = detail.get("ctx") or {}
    hint = context.get("hint")
    message = WORDS.get(kind) or detail["msg"][:1].lower() + detail["msg"][1:]
    if kind == "literal_error":
        message = f"{given!r} is none of {context['expected']}"
        choices = [
            choice.strip("'") for choice in context["expected"].replace(" or ", ", ").split(", ")
        ]
        close = names.closest(str(given), choices)
        hint = f"did you mean {close}?" if close else None
    if kind == "bool_type" and str(given).lower() in BOOLEANS:
        hint = f"did you mean {BOOLEANS[str(given).lower()]}?"
    return Problem(path, "invalid-value", f"{_dotted(path)}: {message}", hint)


def _dotted(path: Path) -> str:
    return ".".join(str(step) for step in path)


def keys(path: Path) -> list[str]:
    """Return the keys that may stand at a path of the contract."""
    from toolbox.lib.butane.contract import Contract

    model: type[BaseModel] = Contract
    for step in path:
        field = model.model_fields.get(str(step))
        model = (section(field.annotation) if field else None) or model
    return list(model.model_fields)


def section(annotation: object) -> type[BaseModel] | None:
    """Return the section that a field is, or is a list of; None when it is none."""
    from pydantic import BaseModel

    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def findings(project: Project, host: Host, problems: Sequence[Problem]) -> list[Finding]:
    """Return problems as findings at the place where a person wrote them.

    A host's variables lie over the project's, so its file is looked at first. The files are read
    again, as variables that are right need no places.
    """
    if not problems:
        return []
    files = (f"{HOSTS_FOLDER}/{host.name}.yaml", PROJECT_FILE)
    documents = [(file, _document(project, file)) for file in files]
    found = []
    for problem in problems:
        place = _place(documents, (VARIABLES, *problem.path), key=problem.key)
        found.append(place.finding(problem.code, problem.message, problem.hint))
    return found


def _document(project: Project, file: str) -> Node | None:
    try:
        node, _ = parse((project.root / file).read_bytes().decode(), file)
    except (OSError, UnicodeDecodeError):
        return None
    return node


def _place(documents: Sequence[tuple[str, Node | None]], path: Path, *, key: bool) -> Place:
    """Return where a path is written, or as much of it as any of the documents has."""
    best, place = -1, Place(documents[0][0])
    for file, document in documents:
        node, here, done = document, Place(file), 0
        for step in path:
            following: Node | None = None
            if isinstance(node, Table):
                following = node.fields.get(str(step))
                if following is not None:
                    here = node.key_place(str(step)) if key else following.place
            elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
                following = node.items[step]
                here = following.place
            if following is None:
                break
            node, done = following, done + 1
        if done > best:
            best, place = done, here
    return place
