"""What makes a change of a file take effect: the declared map from paths to units and programs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from toolbox.lib.reconfigure.units.actions import Verb


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows from a change at some paths.

    Attributes:
        paths: Pattern of the paths; a group ``name`` stands in names of units as ``{name}``.
        verb: What becomes of the unit; one that cannot reload is restarted.
        units: Names that the unit has on one distribution or another; the first that is there.
        command: Program that is run instead; ``{path}`` stands for the path that changed.
        risky: What goes wrong for an operator when the change is wrong; "" for nothing.
    """

    paths: re.Pattern[str]
    verb: Verb = Verb.RESTART
    units: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    risky: str = ""


SSH = "who logs in by ssh may be refused"
NETWORK = "the machine may be reached no more"
LOGIN = "nobody may be able to log in or to become root"


def _unit(paths: str, *units: str, verb: Verb = Verb.RESTART, risky: str = "") -> Rule:
    return Rule(re.compile(paths), verb, units, risky=risky)


def _run(paths: str, *command: str, risky: str = "") -> Rule:
    return Rule(re.compile(paths), command=command, risky=risky)


def _risky(paths: str, risky: str) -> Rule:
    return Rule(re.compile(paths), risky=risky)


RELOAD = Verb.RELOAD
CONF = r"(?:\.d/.+\.conf)?"

RULES = (
    # ssh and who may log in
    _unit(
        r"/etc/ssh/(?:sshd_config(?:\.d/.+)?|ssh_host_.+)",
        *("sshd.service", "ssh.service"),
        verb=RELOAD,
        risky=SSH,
    ),
    _risky(r".+/\.ssh/authorized_keys(?:\.d/.+)?|/etc/ssh/authorized_keys.*", SSH),
    _risky(
        r"/etc/(?:pam\.d|security|sudoers\.d|authselect)/.+|/etc/(?:sudoers|nsswitch\.conf)", LOGIN
    ),
    _risky(r"/etc/(?:passwd|group|shadow|gshadow|login\.defs|shells)", LOGIN),
    # network
    _unit(
        r"/etc/systemd/network/.+",
        "systemd-networkd.service",
        verb=RELOAD,
        risky=NETWORK,
    ),
    _unit(rf"/etc/systemd/networkd\.conf{CONF}", "systemd-networkd.service", risky=NETWORK),
    _run(
        r"/etc/NetworkManager/system-connections/.+", "nmcli", "connection", "reload", risky=NETWORK
    ),
    _unit(
        r"/etc/NetworkManager/(?!system-connections/).+",
        "NetworkManager.service",
        verb=RELOAD,
        risky=NETWORK,
    ),
    _unit(r"/etc/network/.+", "networking.service", risky=NETWORK),
    _unit(r"/etc/firewalld/.+", "firewalld.service", verb=RELOAD, risky=NETWORK),
    _unit(r"/etc/(?:sysconfig/)?nftables(?:\.conf|/.+)", "nftables.service", risky=NETWORK),
    _unit(rf"/etc/systemd/resolved\.conf{CONF}", "systemd-resolved.service"),
    _run(r"/etc/hostname", "hostname", "-F", "/etc/hostname"),
    # certificates that are trusted
    _run(r"/etc/pki/ca-trust/source/.+|/etc/pki/ca-trust/.+\.conf", "update-ca-trust"),
    _run(
        r"/usr/local/share/ca-certificates/.+|/etc/ca-certificates(?:\.conf|/.+)",
        "update-ca-certificates",
    ),
    # kernel and devices
    _unit(r"/etc/sysctl\.d/.+\.conf|/etc/sysctl\.conf", "systemd-sysctl.service"),
    _unit(r"/etc/modules-load\.d/.+\.conf", "systemd-modules-load.service"),
    _run(r"/etc/udev/rules\.d/.+\.rules", "udevadm", "control", "--reload"),
    _run(r"/etc/udev/hwdb\.d/.+\.hwdb", "systemd-hwdb", "update"),
    _unit(r"/etc/vconsole\.conf", "systemd-vconsole-setup.service"),
    # systemd itself
    _run(r"/etc/sysusers\.d/.+\.conf", "systemd-sysusers"),
    _run(r"/etc/tmpfiles\.d/.+\.conf", "systemd-tmpfiles", "--create", "{path}"),
    _run(rf"/etc/systemd/system\.conf{CONF}", "systemctl", "daemon-reexec"),
    _unit(rf"/etc/systemd/journald\.conf{CONF}", "systemd-journald.service"),
    _unit(rf"/etc/systemd/logind\.conf{CONF}", "systemd-logind.service", verb=RELOAD),
    _unit(rf"/etc/systemd/timesyncd\.conf{CONF}", "systemd-timesyncd.service"),
    _unit(rf"/etc/systemd/oomd\.conf{CONF}", "systemd-oomd.service"),
    _unit(r"/etc/systemd/nspawn/(?P<name>[^/]+)\.nspawn", "systemd-nspawn@{name}.service"),
    # workloads by the names of their files
    _unit(r"/etc/compose/(?:build/)?(?P<name>[^/]+)/.+", "compose@{name}.service"),
    _unit(r"/etc/compose/environment/(?P<name>[^/]+)\.env", "compose@{name}.service"),
    _unit(r"/etc/containers/build/(?P<name>[^/]+)/.+", "container-build@{name}.service"),
    _unit(r"/etc/(?:containers|local)/environment/(?P<name>[^/]+)\.env", "{name}.service"),
    # programs that many machines have
    _unit(r"/etc/chrony(?:\.conf|/.+|\.d/.+)", "chronyd.service", "chrony.service"),
    _unit(r"/etc/dbus-1/.+", "dbus-broker.service", "dbus.service", verb=RELOAD),
    _unit(r"/etc/rsyslog\.(?:conf|d/.+)", "rsyslog.service"),
    _unit(r"/etc/zincati/.+", "zincati.service"),
    _unit(r"/etc/unbound/.+", "unbound.service", verb=RELOAD),
    _unit(r"/etc/haproxy/.+", "haproxy.service", verb=RELOAD),
    _unit(r"/etc/nginx/.+", "nginx.service", verb=RELOAD),
    _unit(r"/etc/caddy/.+", "caddy.service", verb=RELOAD),
    _unit(r"/etc/dnsmasq\.(?:conf|d/.+)", "dnsmasq.service"),
    _unit(r"/etc/frr/.+", "frr.service", verb=RELOAD),
    _run(r"/etc/audit/rules\.d/.+\.rules", "augenrules", "--load"),
    _run(r"/etc/exports(?:\.d/.+)?", "exportfs", "-ra"),
)
"""Rules in the order in which they are looked at; all that match hold."""


def of(path: str) -> tuple[tuple[Rule, dict[str, str]], ...]:
    """Return the rules for a path, each with what the names in its units stand for."""
    matches = ((rule, rule.paths.fullmatch(path)) for rule in RULES)
    return tuple((rule, found.groupdict()) for rule, found in matches if found)
