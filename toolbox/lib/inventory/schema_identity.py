"""What may stand under ``identity`` in project.yaml and hosts/*.yaml.

Imports pydantic, so it is imported only where files are read.
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal, NoReturn

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from toolbox.lib.inventory import names
from toolbox.lib.inventory.profile import (
    DAY,
    HOUR,
    PRIVATE_NETWORKS,
    YEAR,
    Card,
    Client,
    Profile,
    Term,
    Terms,
)

DURATION = re.compile(r"([1-9][0-9]{0,6})\s*([hdy])")
UNITS = {"h": HOUR, "d": DAY, "y": YEAR}
LONGEST = 30 * YEAR
LEAST_WINDOW = 2 * DAY
"""Updates look for what is due once a day."""

DEFAULTS = Terms()


def _refuse(code: str, message: str, hint: str) -> NoReturn:
    # Reason: braces in a message template would be read as placeholders.
    escaped = message.replace("{", "(").replace("}", ")")
    raise PydanticCustomError(code, escaped, {"hint": hint})


def _hours(written: object) -> int:
    match = DURATION.fullmatch(written.strip()) if isinstance(written, str) else None
    if match is None:
        _refuse("bad-duration", f"{written!r} is no duration", "such as 12h, 90d or 8y")
    hours = int(match[1]) * UNITS[match[2]]
    if hours > LONGEST:
        _refuse("bad-duration", f"{written!r} is too long", f"at most {LONGEST // YEAR}y")
    return hours


def _label(text: str) -> str:
    problem = names.label_problem(text)
    if problem:
        _refuse("bad-name", f"{text!r} is no name: {problem}", "such as alice")
    return text


def _domain(text: str) -> str:
    problem = names.domain_problem(text.removeprefix("*."))
    if problem:
        _refuse("bad-name", f"{text!r} is no domain: {problem}", "such as www.example.internal")
    return text


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        _refuse("bad-network", str(error), "such as 10.0.0.0/8")


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError as error:
        _refuse("bad-address", str(error), "such as 10.77.0.10")


Hours = Annotated[int, BeforeValidator(_hours)]
Label = Annotated[str, AfterValidator(_label)]
Domain = Annotated[str, AfterValidator(_domain)]
Network = Annotated[str, AfterValidator(_network)]
Address = Annotated[str, AfterValidator(_address)]
Role = Literal["acme", "dnssec", "tsig"]


class Written(BaseModel):
    """Something that people write: no unknown keys, no guessing of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TermFile(Written):
    """How long a kind of certificate holds."""

    lifetime: Hours | None = None
    renew: Hours | None = None

    def value(self, default: Term) -> Term:
        """Return it as the rest of the library uses it.

        Args:
            default: What it is where nothing is said.
        """
        lifetime = self.lifetime or default.lifetime
        # Reason: who says that something shall be short means its renewal, too.
        fitting = min(default.renew, lifetime // 3)
        return Term(lifetime, self.renew or (default.renew if not self.lifetime else fitting))


class ProfileFile(Written):
    """The key ``identity`` of project.yaml."""

    organization: str = ""
    domains: list[Domain] = []
    networks: list[Network] = list(PRIVATE_NETWORKS)
    constraints: bool = True
    root: TermFile = TermFile()
    authority: TermFile = TermFile()
    certificate: TermFile = TermFile()
    ssh: TermFile = TermFile()
    protect_root: bool = True
    extra_bundle: str | None = None
    acme: bool = False
    clients: list[Label] = []
    zones: list[Domain] = []
    tsig: list[Label] = []

    @model_validator(mode="after")
    def _in_order(self) -> ProfileFile:
        terms = self.terms()
        for name in ("root", "authority", "certificate", "ssh"):
            term: Term = getattr(terms, name)
            if term.renew >= term.lifetime:
                message = f"{name} would be renewed as soon as it is made"
                _refuse("bad-terms", message, f"give {name}.renew less than {name}.lifetime")
            if term.renew < LEAST_WINDOW:
                message = f"{name} is renewed {_days(term.renew)} before its end, which is too late"
                _refuse("bad-terms", message, f"give {name}.renew at least {LEAST_WINDOW // DAY}d")
        for above, below in (("root", "authority"), ("authority", "certificate")):
            upper: Term = getattr(terms, above)
            lower: Term = getattr(terms, below)
            if lower.lifetime > upper.renew:
                message = f"{below} may outlive {above}, which is renewed {_days(upper.renew)} "
                message += f"before its end, and {below} holds for {_days(lower.lifetime)}"
                _refuse("bad-terms", message, f"give {above}.renew at least {below}.lifetime")
        return self

    def terms(self) -> Terms:
        """Return how long what holds."""
        return Terms(
            root=self.root.value(DEFAULTS.root),
            authority=self.authority.value(DEFAULTS.authority),
            certificate=self.certificate.value(DEFAULTS.certificate),
            ssh=self.ssh.value(DEFAULTS.ssh),
        )

    def value(self, extra_bundle: str, revoked: tuple[str, ...]) -> Profile:
        """Return it as the rest of the library uses it.

        Args:
            extra_bundle: What the file says that it names.
            revoked: What the file with revoked keys says.
        """
        return Profile(
            organization=self.organization,
            domains=tuple(self.domains),
            networks=tuple(self.networks),
            constraints=self.constraints,
            terms=self.terms(),
            protect_root=self.protect_root,
            extra_bundle=extra_bundle,
            extra_file=self.extra_bundle or "",
            acme=self.acme,
            clients=tuple(Client(name) for name in dict.fromkeys(self.clients)),
            zones=tuple(dict.fromkeys(self.zones)),
            tsig=tuple(dict.fromkeys(self.tsig)),
            revoked=revoked,
        )


class CardFile(Written):
    """The key ``identity`` of a host file."""

    names: list[Domain] = []
    addresses: list[Address] = []
    roles: list[Role] = []

    def value(self) -> Card:
        """Return it as the rest of the library uses it."""
        return Card(tuple(self.names), tuple(self.addresses), tuple(dict.fromkeys(self.roles)))


def _days(hours: int) -> str:
    return f"{hours // DAY} days" if hours >= DAY else f"{hours} hours"
