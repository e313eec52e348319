"""The environment contract: the names that every template sees, whatever a project says.

A project's and a host's ``variables`` lay their values over these; other names of theirs are free.
Imports pydantic, so it is imported only where templates are rendered.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from toolbox.lib.butane import values

Cidr = Annotated[str, AfterValidator(values.cidr)]
Domain = Annotated[str, AfterValidator(values.domain)]
Name = Annotated[str, AfterValidator(values.name)]
Level = Annotated[str, BeforeValidator(values.level)]
Port = Annotated[str, AfterValidator(values.publish)]
Resolver = Annotated[str, AfterValidator(values.resolver)]
Id = Annotated[int, Field(ge=0, le=2**32 - 2)]


class Section(BaseModel):
    """Something that people write: no unknown keys, no guessing of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Locale(Section):
    """Language, keyboard and time of a host."""

    LANG: Annotated[str, AfterValidator(values.lang)] = Field(
        default="en_US.UTF-8", description="language and encoding"
    )
    KEYMAP: Name = Field(default="us", description="keyboard of the console")
    TIMEZONE: Annotated[str, AfterValidator(values.timezone)] = Field(
        default="UTC", description="time zone; `local_now` is in it"
    )
    COUNTRY_CODE: Annotated[str, AfterValidator(values.country)] = Field(
        default="UN", description="country, two capital letters; `UN` is none"
    )


class Forward(Section):
    """A zone that another resolver answers for."""

    name: Domain = Field(description="the zone")
    addr: Resolver = Field(description="who is asked: `ADDRESS`, `ADDRESS@PORT#NAME`")
    tls: bool = Field(default=False, description="ask over TLS")


class DnsResolver(Section):
    """The resolver of a host and its workloads."""

    VERBOSITY: Level = Field(default="1", description="how much it logs, `0` to `5`")
    UPSTREAM: list[Resolver] = Field(
        default=[],
        description="who is asked: `ADDRESS`, `ADDRESS@PORT#NAME`; empty: its own choice",
    )
    UPSTREAM_TLS: bool = Field(default=True, description="ask them over TLS")
    FORWARD: list[Forward] = Field(default=[], description="zones that others answer for")
    SRV: str = Field(default="", description="lines for the section `server` of its configuration")
    EXTRA: str = Field(default="", description="sections for the end of its configuration")


class Frontend(Section):
    """The front end that ends TLS and passes requests on."""

    ENABLED: bool = Field(default=True, description="run it")
    VERBOSITY: Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "PANIC"] = Field(
        default="INFO", description="how much it logs"
    )
    DASHBOARD: Annotated[str, AfterValidator(values.no_or_domain)] = Field(
        default="", description="host name of its dashboard; empty: none"
    )
    NETWORKS: list[str] = Field(
        default=[], description="further networks it is in: `NAME`, or `NAME:ip=ADDRESS`"
    )
    ENTRYPOINTS: dict[str, Any] = Field(default={}, description="further entry points, by name")
    PUBLISHPORTS: list[Port] = Field(
        default=[], description="further ports: `HOST:CONTAINER`, with `/udp` where it is UDP"
    )
    PROVIDERS: dict[str, Any] = Field(default={}, description="further providers, by name")
    CERTIFICATESRESOLVERS: dict[str, Any] = Field(
        default={}, description="certificate resolvers, by name"
    )
    EXTRA: str = Field(default="", description="sections for the end of its configuration")


class LocalDnsServer(Section):
    """The name server of the host's own zones."""

    ENABLED: bool = Field(default=False, description="run it; else the resolver has the zones")
    VERBOSITY: Literal["critical", "error", "warning", "notice", "info", "debug"] = Field(
        default="info", description="how much it logs"
    )
    TEMPLATE: str = Field(default="", description="lines for the section `template`")
    POLICY: str = Field(default="", description="lines for the section `policy`")
    KEY: str = Field(default="", description="lines for the section `key`")
    ACL: str = Field(default="", description="lines for the section `acl`")
    ZONE: str = Field(default="", description="lines for the section `zone`")


class LocalAcmeServer(Section):
    """The certificate server of the host's own zones."""

    ENABLED: bool = Field(default=False, description="run it")
    HOSTNAMES: list[Domain] = Field(default=["acme.internal"], description="its own names")
    DOMAINS: list[Domain] = Field(
        default=["on.internal"], description="domains that it gives certificates for"
    )


class Fcos(Section):
    """Which Fedora CoreOS a host is made from."""

    STREAM: Literal["stable", "testing", "next"] = Field(default="testing", description="stream")
    ARCHITECTURE: Literal["x86_64", "aarch64", "ppc64le", "s390x"] = Field(
        default="x86_64", description="architecture"
    )
    PLATFORM: Name = Field(default="metal", description="platform of the image")
    FORMAT: Name = Field(default="raw.xz", description="format of the image")


class Firewall(Section):
    """The firewall of a host."""

    ENABLED: bool = Field(default=True, description="run it")
    LOG_DENIED: bool = Field(default=True, description="log what it denies")


class Contract(Section):
    """The names that every template sees and variables may change."""

    LOCALE: Locale = Locale()
    DNS_RESOLVER: DnsResolver = DnsResolver()
    FRONTEND: Frontend = Frontend()
    LOCAL_DNS_SERVER: LocalDnsServer = LocalDnsServer()
    LOCAL_ACME_SERVER: LocalAcmeServer = LocalAcmeServer()
    FCOS: Fcos = Fcos()
    FIREWALL: Firewall = Firewall()
    RPM_OSTREE_INSTALL: list[Name] = Field(
        default=[
            "unbound",
            "knot",
            "podman-compose",
            "systemd-networkd",
            "firewalld",
            "clevis",
            "clevis-pin-tpm2",
        ],
        description="packages that Fedora CoreOS gets beside its own",
    )
    INTERNAL_CIDR: Cidr = Field(
        default="10.87.240.1/24", description="the host's address in its internal network"
    )
    NSPAWN_CIDR: Cidr = Field(
        default="10.87.241.1/24", description="its address in the network of nspawn machines"
    )
    PODMAN_CIDR: Cidr = Field(
        default="10.88.0.1/16", description="its address in podman's default network"
    )
    PODMAN_POOL_CIDR: Cidr = Field(
        default="10.89.0.1/16", description="where podman takes further networks from"
    )
    PODMAN_STATIC_NETWORKS: dict[Name, Cidr] = Field(
        default={}, description="further networks of podman: the host's address in each, by name"
    )
    LIBVIRT_CIDR: Cidr = Field(
        default="192.168.122.1/24", description="its address in libvirt's network"
    )
    DEBUG_CONSOLE_AUTOLOGIN: bool = Field(
        default=False, description="log in on the serial console without a password"
    )
    DEBUG_DISABLE_AUTOUPDATE: bool = Field(
        default=False, description="keep the operating system from updating itself"
    )
    API_PROXY_LOG_HTTP: bool = Field(
        default=False, description="log requests to podman's interface"
    )
    PODMAN_LOAD_SECRETS: str = Field(
        default="",
        description="credentials that podman gets as secrets, with blanks between; empty: all",
    )
    PODMAN_API_LOG_LEVEL: Literal[
        "trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"
    ] = Field(default="warning", description="how much podman's interface logs")
    UPDATE_USER: Name = Field(default="core", description="who may update the host's config")
    UPDATE_UID: Id = Field(default=1000, description="number of that user")
    UPDATE_GID: Id = Field(default=1000, description="number of that user's group")
    UPDATE_SERVICE: Name = Field(
        default="update-system-config", description="name of the unit that updates"
    )
    UPDATE_PATH: Annotated[str, AfterValidator(values.absolute)] = Field(
        default_factory=lambda data: f"/run/user/{data['UPDATE_UID']}",
        description="folder that updates come to; of the user `UPDATE_UID` where none is given",
    )
    UPDATE_USE_SUDO: bool = Field(default=True, description="that user needs sudo to update")
    UPDATE_CLEVIS_LUKS_SLOTS: bool = Field(
        default=False, description="update how encrypted disks are unlocked, too"
    )


GIVEN = {
    "ACME_CA_CERTIFICATE": ("text", "certificate chain of the ACME authority, PEM; role `acme`"),
    "ACME_CA_KEY": ("text, secret", "its private key, PEM; role `acme`"),
    "AUTHORIZED_KEYS": ("list of text", "public keys that may log in, the toolbox's own first"),
    "CA_BUNDLE": ("text", "all roots that hosts trust, PEM, the project's own first"),
    "CA_CERTIFICATE": ("text", "certificate of the project's authority, PEM"),
    "DNSSEC_ANCHORS": (
        "mapping of text",
        "trust anchor of each zone, a DNSKEY record, by its name",
    ),
    "DNSSEC_KEYS": ("mapping of text, secret", "its private key, PEM; role `dnssec`"),
    "DOMAIN": ("text", "DNS domain of the project"),
    "FQDN": ("text", "the host's full name"),
    "HOSTNAME": ("text", "the host's name"),
    "OS": ("text", "the host's operating system: `debian` or `fcos`"),
    "PROJECT": ("text", "name of the project"),
    "SSH_HOST_CERTIFICATE": ("text", "certificate of the host's ssh key, one line"),
    "SSH_HOST_KEY": ("text, secret", "private key of the host's ssh server"),
    "SSH_HOST_PUBLIC_KEY": ("text", "public key of the host's ssh server"),
    "SSH_REVOKED_KEYS": ("text", "who is not let in: a list for sshd's `RevokedKeys`, Base64"),
    "SSH_USER_CA": ("text", "public key of who signs ssh certificates of persons"),
    "TLS_CERTIFICATE": ("text", "the host's certificate and its authority's, PEM"),
    "TLS_KEY": ("text, secret", "private key of the host's certificate, PEM"),
    "TSIG_KEYS": ("mapping of text, secret", "keys that sign DNS messages, Base64; role `tsig`"),
}
"""Names that the toolbox gives every template, with type and meaning; no variable has them."""
