"""What the values of the environment contract may be.

Each function returns the value it is given, or refuses it with a message and a hint. Imports
pydantic, so it is imported only where templates are rendered.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import LiteralString, NoReturn

from pydantic_core import PydanticCustomError

from toolbox.lib.butane import networks
from toolbox.lib.inventory import names

LANG = re.compile(r"(?:C|POSIX|[a-z]{2,3}(?:_[A-Z]{2})?)(?:\.[A-Za-z0-9-]+)?(?:@[a-z]+)?")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]*")
PUBLISH = re.compile(r"(?:(?P<address>.+):)?(?P<host>[0-9]*):(?P<port>[0-9]+)(?:/(?:tcp|udp))?")
RESOLVER = re.compile(r"(?P<address>[^@#]+)(?:@(?P<port>[0-9]+))?(?:#(?P<name>.+))?")
LEVELS = range(6)
MAX_PORT = 65535


def _refuse(message: str, hint: str) -> NoReturn:
    # Reason: braces in a message template would be read as placeholders.
    escaped = message.replace("{", "(").replace("}", ")")
    kind: LiteralString = "invalid_value"
    raise PydanticCustomError(kind, escaped, {"hint": hint})


def cidr(text: str) -> str:
    """Take an address with the prefix of its network."""
    if "/" not in text or networks.problem(text):
        what = networks.problem(text) or f"{text!r} has no prefix"
        _refuse(what, "an address and a prefix, such as 10.87.240.1/24")
    return text


def domain(text: str) -> str:
    """Take a DNS name."""
    problem = names.domain_problem(text)
    if problem:
        _refuse(f"{text!r} is no domain: {problem}", "such as on.internal")
    return text


def no_or_domain(text: str) -> str:
    """Take a DNS name, or nothing."""
    return text and domain(text)


def name(text: str) -> str:
    """Take a word that may stand in a file name."""
    if not NAME.fullmatch(text):
        _refuse(f"{text!r} is no name", "letters, digits and . _ + @ - only, a letter first")
    return text


def level(written: object) -> str:
    """Take a number of how much is logged, as a number or a text."""
    text = str(written)
    if isinstance(written, bool) or not text.isdecimal() or int(text) not in LEVELS:
        _refuse(f"{text!r} is no level", f"a number from {LEVELS[0]} to {LEVELS[-1]}")
    return text


def publish(text: str) -> str:
    """Take a port that is published."""
    match = PUBLISH.fullmatch(text)
    ports = [part for part in (match["host"], match["port"]) if part] if match else []
    if not match or not all(1 <= int(port) <= MAX_PORT for port in ports):
        _refuse(f"{text!r} publishes no port", "HOST:CONTAINER, such as 9443:9443")
    return text


def resolver(text: str) -> str:
    """Take a resolver's address, with its port and its name in certificates."""
    match = RESOLVER.fullmatch(text)
    if not match or "/" in match["address"] or networks.problem(match["address"]):
        _refuse(f"{text!r} is no resolver", "ADDRESS@PORT#NAME, such as 9.9.9.9@853#dns.quad9.net")
    if match["port"] and not 1 <= int(match["port"]) <= MAX_PORT:
        _refuse(f"{match['port']} is no port", f"ports go from 1 to {MAX_PORT}")
    return text


def lang(text: str) -> str:
    """Take a language with its encoding."""
    if not LANG.fullmatch(text):
        _refuse(f"{text!r} is no locale", "such as de_AT.UTF-8")
    return text


def country(text: str) -> str:
    """Take a country's code."""
    if not re.fullmatch("[A-Z]{2}", text):
        _refuse(f"{text!r} is no country code", "two capital letters, such as AT")
    return text


def timezone(text: str) -> str:
    """Take the name of a time zone."""
    from zoneinfo import available_timezones

    from toolbox.lib.butane import times

    with suppress(ValueError):
        times.zone(text)
        return text
    zones = available_timezones()
    # Reason: a system without the data knows no zones at all.
    if zones and text not in zones:
        close = names.closest(text, zones)
        hint = f"did you mean {close}?" if close else "such as Europe/Vienna"
        _refuse(f"there is no time zone {text!r}", hint)
    return text


def absolute(text: str) -> str:
    """Take a path that begins at the root."""
    if not text.startswith("/") or "\n" in text:
        _refuse(f"{text!r} is no absolute path", "begin it with /")
    return text
