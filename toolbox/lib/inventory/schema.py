"""What may stand in project.yaml and hosts/*.yaml.

Imports pydantic, so it is imported only where files are read.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, ip_address
from typing import Annotated, Any, NoReturn

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from toolbox.lib.inventory import names, subnet
from toolbox.lib.inventory.host import (
    DEFAULT_CPUS,
    DEFAULT_DISK,
    DEFAULT_MEMORY,
    SSH,
    SYSTEMS,
    Forward,
    Simulation,
)
from toolbox.lib.inventory.schema_identity import CardFile, ProfileFile

RESERVED = (
    "ACME_CA_CERTIFICATE",
    "ACME_CA_KEY",
    "AUTHORIZED_KEYS",
    "CA_BUNDLE",
    "CA_CERTIFICATE",
    "DNSSEC_ANCHORS",
    "DNSSEC_KEYS",
    "DOMAIN",
    "FQDN",
    "HOSTNAME",
    "OS",
    "PROJECT",
    "SSH_HOST_CERTIFICATE",
    "SSH_HOST_KEY",
    "SSH_HOST_PUBLIC_KEY",
    "SSH_REVOKED_KEYS",
    "SSH_USER_CA",
    "TLS_CERTIFICATE",
    "TLS_KEY",
    "TSIG_KEYS",
)
"""Names that every template has; a variable cannot take them."""

GIB = 1024
MAX_PORT = 65535
MAX_CPUS = 1024
MIN_MEMORY = 256


def _refuse(code: str, message: str, hint: str | None = None) -> NoReturn:
    # Reason: braces in a message template would be read as placeholders.
    escaped = message.replace("{", "(").replace("}", ")")
    raise PydanticCustomError(code, escaped, {"hint": hint})


def _label(text: str) -> str:
    problem = names.label_problem(text)
    if problem:
        _refuse("bad-name", f"{text!r} is no name: {problem}", "such as web-1")
    return text


def _domain(text: str) -> str:
    problem = names.domain_problem(text)
    if problem:
        _refuse("bad-name", f"{text!r} is no domain: {problem}", "such as example.internal")
    return text


def _mebibytes(written: object) -> object:
    if isinstance(written, bool) or not isinstance(written, int | str):
        _refuse("bad-size", "a size is wanted here", "such as 2GiB")
    try:
        return names.mebibytes(str(written))
    except ValueError as error:
        _refuse("bad-size", str(error), names.size_suggestion(str(written)))


def _memory(size: int) -> int:
    if size < MIN_MEMORY:
        _refuse("bad-size", f"{size}MiB of memory is too little", f"at least {MIN_MEMORY}MiB")
    return size


def _gibibytes(size: int) -> int:
    if size % GIB:
        _refuse("bad-size", f"{size}MiB are not whole GiB", f"such as {size // GIB + 1}GiB")
    return size // GIB


def _port(written: object) -> object:
    if isinstance(written, bool) or not isinstance(written, int):
        _refuse("bad-port", "a port is wanted here", f"a number from 1 to {MAX_PORT}")
    if not 1 <= written <= MAX_PORT:
        _refuse("bad-port", f"{written} is no port", f"ports go from 1 to {MAX_PORT}")
    return written


def _system(text: str) -> str:
    if text not in SYSTEMS:
        close = names.closest(text, SYSTEMS)
        hint = f"did you mean {close}?" if close else f"one of {', '.join(SYSTEMS)}"
        message = f"{text!r} is no operating system of ours ({', '.join(SYSTEMS)})"
        _refuse("unknown-os", message, hint)
    return text


def _module(text: str) -> str:
    parts = text.split("/")
    if any(not part or part.startswith(".") for part in parts):
        _refuse("bad-module", f"{text!r} is no module", "name a folder in modules/")
    return text


def _subnet(written: object) -> object:
    try:
        return subnet.parse(str(written))
    except ValueError as error:
        _refuse("bad-subnet", str(error), subnet.suggestion(str(written)))


def _address(written: object) -> object:
    try:
        return subnet.parse_address(str(written))
    except ValueError as error:
        _refuse("bad-address", str(error), "such as 10.77.0.10")


def _reachable(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        problem = names.domain_problem(text)
    if problem:
        message = f"{text!r} is neither an IP address nor a name: {problem}"
        _refuse("bad-address", message, "such as 192.0.2.7 or web.example.org")
    return text


def _forward(written: object) -> object:
    return {"guest": written} if isinstance(written, int) else written


Label = Annotated[str, AfterValidator(_label)]
Domain = Annotated[str, AfterValidator(_domain)]
Memory = Annotated[int, BeforeValidator(_mebibytes), AfterValidator(_memory)]
Disk = Annotated[int, BeforeValidator(_mebibytes), AfterValidator(_gibibytes)]
Port = Annotated[int, BeforeValidator(_port)]
Subnet = Annotated[IPv4Network, BeforeValidator(_subnet)]
Address = Annotated[IPv4Address, BeforeValidator(_address)]
Reachable = Annotated[str, AfterValidator(_reachable)]
Module = Annotated[str, AfterValidator(_module)]
System = Annotated[str, AfterValidator(_system)]
Variables = dict[str, Any]


class Written(BaseModel):
    """Something that people write: no unknown keys, no guessing of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ForwardFile(Written):
    """An item of ``forwards``: a port of the machine, and where it is reached."""

    guest: Port
    host: Port | None = None


class SimulationFile(Written):
    """The key ``sim`` of a host file."""

    memory: Memory = DEFAULT_MEMORY
    cpus: int = Field(default=DEFAULT_CPUS, ge=1, le=MAX_CPUS)
    disk: Disk = DEFAULT_DISK
    ssh_port: Port | None = None
    address: Address | None = None
    forwards: list[Annotated[ForwardFile, BeforeValidator(_forward)]] = []

    def value(self) -> Simulation:
        """Return it as the rest of the library uses it."""
        return Simulation(
            memory=self.memory,
            cpus=self.cpus,
            disk=self.disk,
            ssh_port=self.ssh_port,
            address=self.address,
            forwards=tuple(Forward(item.host, item.guest) for item in self.forwards),
        )

    def ports(self) -> list[tuple[tuple[str | int, ...], int]]:
        """Return the ports it takes of the toolbox, each with its path in the file."""
        taken: list[tuple[tuple[str | int, ...], int]] = []
        if self.ssh_port:
            taken.append((("sim", "ssh_port"), self.ssh_port))
        for index, item in enumerate(self.forwards):
            if item.host:
                taken.append((("sim", "forwards", index, "host"), item.host))
        return taken

    def guest_ports(self) -> list[tuple[tuple[str | int, ...], int]]:
        """Return the machine's ports it forwards, ssh first, each with its path in the file."""
        taken: list[tuple[tuple[str | int, ...], int]] = [(("sim",), SSH)]
        taken += [(("sim", "forwards", i), item.guest) for i, item in enumerate(self.forwards)]
        return taken


class NetworkFile(Written):
    """The key ``sim`` of project.yaml: what all simulated machines share."""

    subnet: Subnet = subnet.DEFAULT


class ProjectFile(Written):
    """project.yaml."""

    name: Label
    domain: Domain | None = None
    sim: NetworkFile = NetworkFile()
    identity: ProfileFile = ProfileFile()
    variables: Variables = {}
    modules: list[Module] = []
    include: list[str] = []
    exclude: list[str] = []


class HostFile(Written):
    """hosts/<name>.yaml."""

    os: System = SYSTEMS[0]
    address: Reachable = ""
    ssh_port: Port = SSH
    sim: SimulationFile = SimulationFile()
    identity: CardFile = CardFile()
    variables: Variables = {}
    modules: list[Module] = []
    include: list[str] = []
    exclude: list[str] = []
