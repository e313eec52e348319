"""What templates can do with values: text, YAML, JSON and Base64.

Each filter's docstring is its page in the reference, and its example is run by a test.
"""

from __future__ import annotations

import json
import re
import warnings
from math import isfinite
from typing import TYPE_CHECKING, Any

from toolbox.lib.butane import networks
from toolbox.lib.butane.origins import UNSAFE
from toolbox.lib.butane.wants import FilterError, text, whole

if TYPE_CHECKING:
    from collections.abc import Callable

DEEPEST = 100
"""Levels that a value may have."""


def regex_escape(value: object) -> str:
    r"""Return a text so that a regular expression takes every character of it as it is.

    Example:
        >>> jinja(r"{{ 'a.b*' | regex_escape }}")
        a\.b\*
    """
    return re.escape(text("regex_escape", value))


def regex_search(
    value: object,
    pattern: str,
    ignorecase: bool = False,  # noqa: FBT001, FBT002 - as the filters are called in templates
    multiline: bool = False,  # noqa: FBT001, FBT002
) -> tuple[str | None, ...] | None:
    r"""Return what a pattern finds anywhere in a text, or none.

    What it finds is a list of the pattern's groups, or of the whole match where it has none.

    Example:
        >>> jinja(r"{{ ('web-12' | regex_search('([a-z]+)-([0-9]+)'))[1] }}")
        12
        >>> jinja(r"{{ ('web-12' | regex_search('[0-9]+'))[0] }}")
        12
        >>> jinja(r"{% if 'web-12' | regex_search('db') %}yes{% else %}no{% endif %}")
        no
    """
    found = _pattern("regex_search", pattern, ignorecase, multiline).search
    return _groups(found(text("regex_search", value)))


def regex_match(
    value: object,
    pattern: str,
    ignorecase: bool = False,  # noqa: FBT001, FBT002
    multiline: bool = False,  # noqa: FBT001, FBT002
) -> tuple[str | None, ...] | None:
    r"""Return what a pattern finds at the beginning of a text, or none; as `regex_search` does.

    Example:
        >>> jinja(r"{{ ('web-12' | regex_match('WEB', ignorecase=true))[0] }}")
        web
        >>> jinja(r"{{ 'web-12' | regex_match('[0-9]+') is none }}")
        True
    """
    found = _pattern("regex_match", pattern, ignorecase, multiline).match
    return _groups(found(text("regex_match", value)))


def regex_replace(
    value: object,
    pattern: str,
    replacement: str,
    ignorecase: bool = False,  # noqa: FBT001, FBT002
    multiline: bool = False,  # noqa: FBT001, FBT002
) -> str:
    r"""Return a text with everything that a pattern finds replaced; ``\1`` is the first group.

    Example:
        >>> jinja(r"{{ 'eth0.service' | regex_replace('^([a-z]+)([0-9])', '\\2-\\1') }}")
        0-eth.service
    """
    compiled = _pattern("regex_replace", pattern, ignorecase, multiline)
    wanted = text("regex_replace", replacement)
    try:
        return compiled.sub(wanted, text("regex_replace", value))
    except (re.error, IndexError) as error:
        message = f"regex_replace: {wanted!r} is no replacement: {error}"
        raise FilterError(message, r"\1 is the first group of the pattern") from error


def _pattern(
    name: str,
    pattern: object,
    ignorecase: bool,  # noqa: FBT001
    multiline: bool,  # noqa: FBT001
) -> re.Pattern[str]:
    flags = (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)
    written = text(name, pattern)
    try:
        with warnings.catch_warnings():
            # Reason: what a later Python may read otherwise is no matter of who wrote the template.
            warnings.simplefilter("ignore", FutureWarning)
            return re.compile(written, flags)
    except re.error as error:
        message = f"{name}: {written!r} is no pattern: {error}"
        raise FilterError(message, "regex_escape takes characters as they are") from error


def _groups(match: re.Match[str] | None) -> tuple[str | None, ...] | None:
    if match is None:
        return None
    # Reason: an empty list for a match would read as no match in a condition.
    return match.groups() or (match[0],)


def toyaml(value: object, inline: bool = False) -> str:  # noqa: FBT001, FBT002
    r"""Return a value as YAML, its keys in their order; with `inline` on one line.

    A block ends with a newline. What YAML would read as something else is put into quotes.

    Example:
        >>> jinja("{{ {'b': ['yes', 'no way'], 'a': 8080} | toyaml }}")
        b:
        - "yes"
        - no way
        a: 8080
        >>> jinja("{{ {'b': ['yes', 1], 'a': 1.5} | toyaml(inline=true) }}")
        {b: ["yes", 1], a: 1.5}
    """
    from toolbox.lib.butane.block import dump

    return dump(_plain("toyaml", value), inline=inline)


def fromjson(value: object) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Return the value that JSON text stands for.

    Example:
        >>> jinja('''{{ ('{"ports": [80, 443]}' | fromjson).ports | last }}''')
        443
    """
    try:
        return json.loads(text("fromjson", value))
    except json.JSONDecodeError as error:
        message = f"fromjson: line {error.lineno}, column {error.colno}: {error.msg}"
        raise FilterError(message) from error
    except RecursionError as error:
        message = "fromjson: nested too deep"
        raise FilterError(message) from error


def tojson(value: object, indent: int | None = None) -> str:
    r"""Return a value as JSON, its keys sorted; YAML reads it as the same value.

    Example:
        >>> jinja(r"{{ {'b': 'two\nlines', 'a': [1, true, none]} | tojson }}")
        {"a": [1, true, null], "b": "two\nlines"}
    """
    plain = _plain("tojson", value)
    width = None if indent is None else whole("tojson", indent)
    # Reason: YAML knows no surrogate pairs, so JSON for it must not have any, and it refuses some
    # characters that JSON may have as they are.
    written = json.dumps(plain, ensure_ascii=False, sort_keys=True, indent=width)
    return UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", written)


def b64encode(value: object) -> str:
    """Return the Base64 of a text's UTF-8 bytes.

    Example:
        >>> jinja("{{ 'hello' | b64encode }}")
        aGVsbG8=
    """
    from base64 import b64encode as encode

    return encode(text("b64encode", value).encode()).decode()


def b64decode(value: object) -> str:
    """Return the text whose UTF-8 bytes some Base64 stands for; lines and blanks are ignored.

    Example:
        >>> jinja("{{ 'aGVsbG8=' | b64decode }}")
        hello
    """
    import binascii
    from base64 import b64decode as decode

    written = "".join(text("b64decode", value).split())
    try:
        return decode(written, validate=True).decode()
    except binascii.Error as error:
        message = f"b64decode: this is no Base64: {str(error).lower()}"
        raise FilterError(message) from error
    except UnicodeDecodeError as error:
        message = "b64decode: the bytes are no UTF-8 text"
        hint = "write them to a file with contents.source: data:;base64,…"
        raise FilterError(message, hint) from error


def sha256sum(value: object) -> str:
    """Return the SHA-256 of a text's UTF-8 bytes, in hexadecimal digits.

    Example:
        >>> jinja("{{ 'hello' | sha256sum }}")
        2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
    """
    from hashlib import sha256

    return sha256(text("sha256sum", value).encode()).hexdigest()


def _plain(name: str, value: object, depth: int = 0) -> Any:  # noqa: ANN401 - plain data
    """Return a value as what YAML and JSON can hold."""
    if depth > DEEPEST:
        message = f"{name}: the value is nested too deep, or holds itself"
        raise FilterError(message)
    if isinstance(value, dict):
        return {_key(name, key): _plain(name, item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(name, item, depth + 1) for item in value]
    if isinstance(value, float) and not isfinite(value):
        message = f"{name}: {value} is no number that can be written"
        raise FilterError(message)
    if value is None or isinstance(value, bool | int | float):
        return value
    # Reason: Jinja has a kind of text of its own, which no writer of YAML knows.
    return str(text(name, value))


def _key(name: str, key: object) -> str:
    if isinstance(key, str | int) and not isinstance(key, bool):
        return str(key)
    message = f"{name}: a key is a text, not {key!r}"
    raise FilterError(message)


FILTERS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        regex_escape,
        regex_search,
        regex_match,
        regex_replace,
        toyaml,
        tojson,
        fromjson,
        b64encode,
        b64decode,
        sha256sum,
        networks.cidr2ip,
        networks.cidr2address,
        networks.cidr2nth,
        networks.cidr2network,
        networks.cidr2netmask,
        networks.cidr2prefix,
        networks.cidr2version,
        networks.cidr2broadcast,
        networks.cidr_contains,
        networks.cidr2subnet,
        networks.cidr2subnets,
        networks.cidr2reverse_ptr,
        networks.cidr2reverse_zones,
        networks.ip2ptr,
    )
}
"""The filters that templates have beside Jinja's own; those of time depend on the place."""
