"""Reading a project: everything wrong in it is found at once, each with its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from toolbox.lib.core.errors import UsageError
from toolbox.lib.inventory import names, revocations, subnet
from toolbox.lib.inventory.document import Items, Place, Table, parse, value
from toolbox.lib.inventory.host import SSH, Host, Pattern
from toolbox.lib.inventory.operators import bare, lines, read_keys
from toolbox.lib.inventory.project import (
    HOSTS_FOLDER,
    KEYS_FILE,
    MODULES_FOLDER,
    PROJECT_FILE,
    REVOKED_FILE,
    Project,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from ipaddress import IPv4Address, IPv4Network
    from pathlib import Path

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from toolbox.lib.core.report import Finding
    from toolbox.lib.inventory.document import Node
    from toolbox.lib.inventory.profile import Profile
    from toolbox.lib.inventory.schema import HostFile, ProjectFile

    Model = TypeVar("Model", bound=BaseModel)
    Read = Callable[[str, str], tuple[tuple[str, ...], list[Finding]]]


def load(root: Path) -> Project:
    """Read the project in a folder.

    Args:
        root: The folder with project.yaml.

    Returns:
        The project, its hosts sorted by name.

    Raises:
        UsageError: Something in it is wrong; the findings tell all of it.
    """
    reader = _Reader(root.absolute())
    project = reader.project()
    if project is None or reader.findings:
        count = len(reader.findings)
        message = f"the project in {root} has {count} mistake{'s' if count > 1 else ''}"
        raise UsageError(message, findings=sorted(reader.findings, key=_order))
    return project


def _order(finding: Finding) -> tuple[bool, str, int, int]:
    file = finding.file or ""
    return file != PROJECT_FILE, file, finding.line or 0, finding.column or 0


@dataclass(frozen=True, slots=True)
class _HostDocument:
    name: str
    file: str
    node: Node | None
    written: HostFile


class _Reader:
    """Reads a project's files and collects what is wrong with them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.findings: list[Finding] = []

    def project(self) -> Project | None:
        """Return the project; None when it is too wrong for that."""
        from toolbox.lib.inventory.schema import ProjectFile

        read = self._read(PROJECT_FILE, ProjectFile)
        keys = self._lines(KEYS_FILE, read_keys)
        revoked = self._lines(REVOKED_FILE, revocations.read)
        hosts = self._hosts()
        self._check_ports(hosts)
        self._check_addresses(hosts, read[1].sim.subnet if read else None)
        if read is None:
            return None
        node, written = read
        self._check_room(node, written.sim.subnet, len(hosts))
        self._check_revoked(revoked)
        self._check_variables(PROJECT_FILE, node, written.variables)
        self._check_modules(PROJECT_FILE, node, written.modules)
        domain = written.domain or f"{written.name}.internal"
        profile = written.identity.value(self._extra_bundle(node, written), revoked)
        self._check_cards(hosts, domain, profile)
        return Project(
            name=written.name,
            domain=domain,
            root=self.root,
            hosts=tuple(self._host(host, domain, read) for host in hosts),
            variables=written.variables,
            authorized_keys=keys,
            subnet=written.sim.subnet,
            profile=profile,
        )

    def _host(
        self, host: _HostDocument, domain: str, project: tuple[Node | None, ProjectFile]
    ) -> Host:
        self._check_variables(host.file, host.node, host.written.variables)
        self._check_modules(host.file, host.node, host.written.modules)
        node, above = project
        include = _patterns(PROJECT_FILE, node, "include", above.include)
        exclude = _patterns(PROJECT_FILE, node, "exclude", above.exclude)
        return Host(
            name=host.name,
            fqdn=f"{host.name}.{domain}",
            os=host.written.os,
            folder=self.root / HOSTS_FOLDER / host.name,
            variables=_laid_over(above.variables, host.written.variables),
            modules=tuple(dict.fromkeys((*above.modules, *host.written.modules))),
            include=include + _patterns(host.file, host.node, "include", host.written.include),
            exclude=exclude + _patterns(host.file, host.node, "exclude", host.written.exclude),
            sim=host.written.sim.value(),
            address=host.written.address,
            ssh_port=host.written.ssh_port,
            card=host.written.identity.value(),
        )

    def _hosts(self) -> list[_HostDocument]:
        from toolbox.lib.inventory.schema import HostFile

        hosts = []
        for name in self._host_names():
            file = f"{HOSTS_FOLDER}/{name}.yaml"
            problem = names.label_problem(name)
            if problem:
                message = f"{name!r} is no host name: {problem}"
                self.findings.append(Place(file).finding("bad-name", message, "rename the file"))
            read = self._read(file, HostFile)
            if read is not None:
                hosts.append(_HostDocument(name, file, *read))
        return hosts

    def _host_names(self) -> list[str]:
        folder = self.root / HOSTS_FOLDER
        entries = sorted(folder.iterdir()) if folder.is_dir() else []
        found = [entry.stem for entry in entries if entry.suffix == ".yaml" and entry.is_file()]
        for entry in entries:
            file = f"{HOSTS_FOLDER}/{entry.name}"
            if entry.suffix == ".yml":
                hint = f"rename it to {entry.stem}.yaml"
                message = "a host file ends in .yaml"
                self.findings.append(Place(file).finding("bad-file-name", message, hint))
            elif entry.is_dir() and entry.name not in found and any(entry.rglob("*.bu")):
                hint = f"add {file}.yaml; an empty file will do"
                message = "this folder has Butane files, but its host is missing"
                self.findings.append(Place(file).finding("missing-host", message, hint))
        if not found and not self.findings:
            hint = f"add {HOSTS_FOLDER}/<name>.yaml; an empty file will do"
            place = Place(HOSTS_FOLDER)
            self.findings.append(place.finding("no-hosts", "the project has no hosts", hint))
        return found

    def _lines(self, file: str, read: Read) -> tuple[str, ...]:
        if not (self.root / file).exists():
            return ()
        text = self._text(file)
        found, findings = read(text, file) if text is not None else ((), [])
        self.findings += findings
        return found

    def _extra_bundle(self, node: Node | None, written: ProjectFile) -> str:
        """Return the file that ``identity.extra_bundle`` names; what is in it is judged later."""
        file = written.identity.extra_bundle
        if file is None:
            return ""
        path = (self.root / file).resolve()
        if path.is_relative_to(self.root.resolve()) and path.is_file():
            return self._text(file) or ""
        place = _place(node, ("identity", "extra_bundle"), PROJECT_FILE)
        message = f"there is no file {file} in the project"
        hint = "a PEM file of certificates, its path from the project's folder"
        self.findings.append(place.finding("missing-file", message, hint))
        return ""

    def _check_revoked(self, revoked: Sequence[str]) -> None:
        gone = revocations.of(revoked).keys
        text = self._text(KEYS_FILE) if gone and (self.root / KEYS_FILE).exists() else None
        for place, line in lines(text or "", KEYS_FILE):
            if bare(line) in gone:
                message = f"this key is revoked in {REVOKED_FILE}"
                self.findings.append(place.finding("revoked", message, "remove it here, or there"))

    def _check_cards(self, hosts: Sequence[_HostDocument], domain: str, profile: Profile) -> None:
        """Refuse names that the project's authorities are bound not to sign."""
        for host in hosts:
            card = host.written.identity
            for key, names_, addresses in (
                ("names", card.names, ()),
                ("addresses", (), card.addresses),
            ):
                for one in profile.outside(domain, names_, addresses):
                    number = (names_ or addresses).index(one)
                    place = _place(host.node, ("identity", key, number), host.file)
                    message = f"{one} is outside of what the project's authorities may sign for"
                    there = "domains" if key == "names" else "networks"
                    hint = f"add it to identity.{there} in {PROJECT_FILE}"
                    self.findings.append(place.finding("out-of-bounds", message, hint))

    def _text(self, file: str) -> str | None:
        place = Place(file)
        try:
            return (self.root / file).read_bytes().decode()
        except FileNotFoundError:
            self.findings.append(place.finding("missing-file", "there is no such file"))
        except UnicodeDecodeError as error:
            message = f"byte {error.start} is not UTF-8"
            self.findings.append(place.finding("not-text", message, "save it as UTF-8"))
        except OSError as error:
            self.findings.append(place.finding("unreadable", f"cannot be read: {error.strerror}"))
        return None

    def _read(self, file: str, model: type[Model]) -> tuple[Node | None, Model] | None:
        from pydantic import ValidationError

        text = self._text(file)
        if text is None:
            return None
        node, findings = parse(text, file)
        self.findings += findings
        if findings:
            return None
        if node is not None and not isinstance(node, Table):
            message = "keys with values are wanted here"
            self.findings.append(node.place.finding("invalid-value", message, "such as key: value"))
            return None
        try:
            return node, model.model_validate(value(node) or {})
        except ValidationError as error:
            for problem in error.errors(include_url=False):
                self.findings.append(_finding(file, node, model, problem))
        return None

    def _check_variables(self, file: str, node: Node | None, variables: dict[str, Any]) -> None:
        from toolbox.lib.inventory.schema import RESERVED

        for name in variables:
            place = _key_place(node, ("variables", name), file)
            if not names.IDENTIFIER.fullmatch(name):
                message = f"{name!r} is no variable name"
                hint = "letters, digits and _ only, no digit first"
                self.findings.append(place.finding("bad-name", message, hint))
            elif name in RESERVED:
                message = f"{name} is given to every template by the toolbox"
                self.findings.append(place.finding("reserved-name", message, "use another name"))

    def _check_modules(self, file: str, node: Node | None, modules: Sequence[str]) -> None:
        folder = self.root / MODULES_FOLDER
        for number, name in enumerate(modules):
            if not (folder / name).is_dir():
                known = [entry.name for entry in folder.glob("*") if entry.is_dir()]
                place = _place(node, ("modules", number), file)
                message = f"there is no folder {MODULES_FOLDER}/{name}"
                hint = names.suggestion(name, [entry for entry in known if entry[0] != "."])
                self.findings.append(place.finding("unknown-module", message, hint))

    def _check_ports(self, hosts: Sequence[_HostDocument]) -> None:
        taken: dict[int, str] = {}
        for host in hosts:
            sim = host.written.sim
            for path, port in sim.ports():
                place = _place(host.node, path, host.file)
                if port in taken:
                    message = f"port {port} is taken already by {taken[port]}"
                    hint = "use another one, or leave it out to have a free one chosen"
                    self.findings.append(place.finding("port-taken", message, hint))
                taken.setdefault(port, str(place))
            guests: set[int] = set()
            for path, port in sim.guest_ports():
                if port in guests:
                    message = f"port {port} of the machine is forwarded already"
                    place = _place(host.node, path, host.file)
                    hint = "set sim.ssh_port" if port == SSH else "remove one of them"
                    self.findings.append(place.finding("port-taken", message, hint))
                guests.add(port)

    def _check_addresses(self, hosts: Sequence[_HostDocument], net: IPv4Network | None) -> None:
        taken: dict[IPv4Address, str] = {}
        for host in hosts:
            address = host.written.sim.address
            if address is None:
                continue
            place = _place(host.node, ("sim", "address"), host.file)
            problem = subnet.outside(address, net) if net else None
            if problem:
                hint = f"leave it out, or set sim.subnet in {PROJECT_FILE}"
                self.findings.append(place.finding("bad-address", problem, hint))
            elif address in taken:
                message = f"address {address} is taken already by {taken[address]}"
                hint = "use another one, or leave it out to have one chosen"
                self.findings.append(place.finding("address-taken", message, hint))
            taken.setdefault(address, str(place))

    def _check_room(self, node: Node | None, net: IPv4Network, wanted: int) -> None:
        if wanted > subnet.room(net):
            place = _place(node, ("sim", "subnet"), PROJECT_FILE)
            message = f"{net} has addresses for {subnet.room(net)} machines, and there are {wanted}"
            hint = f"take a larger subnet, such as {subnet.DEFAULT}"
            self.findings.append(place.finding("small-subnet", message, hint))


def _patterns(
    file: str, node: Node | None, key: str, written: Sequence[str]
) -> tuple[Pattern, ...]:
    """Return patterns with the places where they were written."""
    return tuple(
        Pattern(text, _place(node, (key, number), file)) for number, text in enumerate(written)
    )


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both mappings in one; where both have a value, the one above stands."""
    merged = dict(below)
    for key, item in above.items():
        under = merged.get(key)
        both = isinstance(under, dict) and isinstance(item, dict)
        merged[key] = _laid_over(under, item) if both else item  # type: ignore[arg-type]
    return merged


def _node(node: Node | None, path: Sequence[str | int]) -> tuple[Node | None, int]:
    """Return the node at a path, or the last one on the way, and how many steps were possible."""
    for done, step in enumerate(path):
        following: Node | None = None
        if isinstance(node, Table):
            following = node.fields.get(str(step))
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            following = node.items[step]
        if following is None:
            return node, done
        node = following
    return node, len(path)


def _place(node: Node | None, path: Sequence[str | int], file: str) -> Place:
    found, _ = _node(node, path)
    return found.place if found else Place(file)


def _key_place(node: Node | None, path: Sequence[str | int], file: str) -> Place:
    parent, done = _node(node, path[:-1])
    if isinstance(parent, Table) and done == len(path) - 1:
        return parent.key_place(str(path[-1]))
    return parent.place if parent else Place(file)


def _finding(
    file: str, node: Node | None, model: type[BaseModel], problem: ErrorDetails
) -> Finding:
    """Return what pydantic found, at its place and in our words."""
    path = tuple(problem["loc"])
    kind = problem["type"]
    if kind == "extra_forbidden":
        known = _keys(model, path[:-1])
        place = _key_place(node, path, file)
        message = f"unknown key {path[-1]}"
        return place.finding("unknown-key", message, names.suggestion(str(path[-1]), known))
    place = _place(node, path, file)
    if kind == "missing":
        hint = "such as name: example" if path[-1] == "name" else None
        return place.finding("missing-key", f"the key {path[-1]} is missing", hint)
    dotted = ".".join(str(step) for step in path)
    hint = (problem.get("ctx") or {}).get("hint")
    code = "invalid-value" if hint is None else kind
    return place.finding(code, f"{dotted}: {_message(problem)}", hint)


def _message(problem: ErrorDetails) -> str:
    plain = {
        "string_type": "a text is wanted here; put it into quotes",
        "int_type": "a whole number is wanted here",
        "dict_type": "keys with values are wanted here",
        "list_type": "a list is wanted here",
        "model_type": "keys with values are wanted here",
    }
    return plain.get(problem["type"], problem["msg"][:1].lower() + problem["msg"][1:])


def _keys(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the keys that may stand at a path of a model."""
    from toolbox.lib.inventory import schema, schema_identity

    term = schema_identity.TermFile
    profile = schema_identity.ProfileFile
    nested: dict[tuple[type[BaseModel], str], type[BaseModel]] = {
        (schema.ProjectFile, "identity"): profile,
        (schema.HostFile, "identity"): schema_identity.CardFile,
        **{(profile, name): term for name in ("root", "authority", "certificate", "ssh")},
        (schema.ProjectFile, "sim"): schema.NetworkFile,
        (schema.HostFile, "sim"): schema.SimulationFile,
        (schema.SimulationFile, "forwards"): schema.ForwardFile,
    }
    for step in path:
        model = nested.get((model, str(step)), model)
    return list(model.model_fields)
