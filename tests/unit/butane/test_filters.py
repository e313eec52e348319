"""Tests of filters: each example is true, each wrong value is told at its line."""

from __future__ import annotations

import base64
import doctest
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.butane import networks, times
from toolbox.lib.butane.filters import FILTERS, regex_replace, regex_search, tojson, toyaml
from toolbox.lib.butane.template import render
from toolbox.lib.inventory.document import parse, value

NAMES = {"LOCALE": {"TIMEZONE": "Europe/Vienna"}}
EXAMPLES = {
    **FILTERS,
    "created_at": times.created_at,
    "utc_now": times.utc_now,
    "local_now": times.local_now,
}
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)
)
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8")),
    st.sampled_from(
        ["yes", "no", "0644", "0o17", "1e3", "~", "null", "12:30", "2020-01-01", "=", ""]
    ),
    st.sampled_from(
        ["a\n", "a\nb", " a\nb\n", "\n", "a\n\n", "\ta", "a\r\nb", "- a", "#", "<<", "\x85"]
    ),
)
DATA = st.recursive(
    st.one_of(SCALARS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner), st.dictionaries(TEXTS.filter(lambda k: k != "<<"), inner)
    ),
    max_leaves=20,
)


def jinja(source: str) -> None:
    """Print what a template gives, as the examples do."""
    print(made(source).rstrip("\n"))


def made(source: str, **names: object) -> str:
    """Return what a template gives."""
    output, findings = render(source, "x", {**NAMES, **names}, _created)
    assert output is not None, findings
    return output.text


def refused(source: str, **names: object) -> str:
    """Return what is said of a template that is wrong."""
    output, findings = render(f"\n{source}", "x", {**NAMES, **names}, _created)
    assert output is None
    (finding,) = findings
    return finding.render().removeprefix("x:2: error[template-error]: ")


def _created(_name: str) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each filter has an example, and it is true."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    parser, said = doctest.DocTestParser(), []
    test = parser.get_doctest(EXAMPLES[name].__doc__ or "", {"jinja": jinja}, name, None, 0)
    assert test.examples
    assert all(name in example.source for example in test.examples)
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not "".join(said)


def test_filters_of_the_seed() -> None:
    """The names that templates were written with are all there."""
    wanted = {
        *("regex_escape", "regex_search", "regex_match", "regex_replace"),
        *("toyaml", "cidr2ip", "cidr2reverse_ptr", "sha256sum"),
    }
    assert wanted <= FILTERS.keys()


def test_c_2_1_regex_search_without_groups() -> None:
    """A match of a pattern without groups counts in a condition, no match does not."""
    assert regex_search("abc", "b") == ("b",)
    assert regex_search("abc", "x") is None
    assert made("{{ 'yes' if 'abc' | regex_search('b*$') else 'no' }}") == "yes"
    assert made("{{ ('abc' | regex_search('(x)?b'))[0] is none }}") == "True"


def test_regex_flags() -> None:
    """Flags may be given by name and by place."""
    assert made("{{ 'a\nB' | regex_search('^b$', true, true) | first }}") == "B"
    assert regex_replace("aA", "a", "x", ignorecase=True) == "xx"
    assert regex_replace("a\nb", "^", "-", multiline=True) == "-a\n-b"


def test_regex_that_a_later_python_may_read_otherwise() -> None:
    """A pattern is taken as it is read today, and Python's own warnings stay out of the way."""
    assert regex_search("[", "[[a]") == ("[",)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ 'a' | regex_search('(') }}", "regex_search: '(' is no pattern: missing )"),
        ("{{ 'a' | regex_replace('a', '\\\\2') }}", "regex_replace: '\\\\2' is no replacement: "),
        ("{{ [1] | regex_match('a') }}", "regex_match wants a text, not a list"),
        ("{{ none | sha256sum }}", "sha256sum wants a text, not none"),
        ("{{ true | b64encode }}", "b64encode wants a text, not true or false"),
        ("{{ 'a' | b64decode }}", "b64decode: this is no Base64: "),
        ("{{ '/w==' | b64decode }}", "b64decode: the bytes are no UTF-8 text\n  hint: "),
        ("{{ '{' | fromjson }}", "fromjson: line 1, column 2: Expecting property name"),
        ("{{ range | toyaml }}", "toyaml wants a text, not a value of type function"),
        ("{{ {none: 1} | tojson }}", "tojson: a key is a text, not None"),
        ("{{ ('1' * 400) | float | tojson }}", "tojson: inf is no number"),
        ("{{ {} | cidr2ip }}", "cidr2ip wants a text, not a mapping"),
        ("{{ '10.0.0.0/33' | cidr2ip }}", "cidr2ip: '10.0.0.0/33' is no network: '33' is no"),
        ("{{ '10.0.0/24' | cidr2network }}", "cidr2network: '10.0.0/24' is no network: '10.0.0'"),
        ("{{ '' | cidr2prefix }}", "cidr2prefix: '' is no network: '' is no IP address"),
        ("{{ 'fe80::1%eth0' | ip2ptr }}", "ip2ptr: 'fe80::1%eth0' names an interface"),
        ("{{ '10.0.0.0/30' | cidr2ip(2) }}", "cidr2ip: 10.0.0.0/30 has 2 such addresses"),
        ("{{ '10.0.0.0/30' | cidr2ip('1') }}", "cidr2ip wants a whole number, not '1'"),
        ("{{ '10.0.0.0/30' | cidr2nth(4) }}", "cidr2nth: 10.0.0.0/30 has 4 such addresses"),
        ("{{ 'fd00::/64' | cidr2broadcast }}", "cidr2broadcast: fd00::/64 is IPv6, which has no"),
        ("{{ '10.0.0.0/8' | cidr2subnets(7) }}", "cidr2subnets: 10.0.0.0/8 has no subnets of /7"),
        ("{{ 'fd00::/48' | cidr2subnets(80) }}", "cidr2subnets: fd00::/48 has 4294967296 subnets"),
        ("{{ '10.0.0.0/8' | cidr2subnet(9, 2) }}", "cidr2subnet: 10.0.0.0/8 has 2 subnets of /9"),
        ("{{ '10.0.0.0/20' | cidr2reverse_ptr }}", "cidr2reverse_ptr: no single zone holds"),
        ("{{ '10.0.0.0/8' | cidr2ip(1, 2) }}", "cidr2ip() takes from 1 to 2 positional"),
    ],
)
def test_mistakes(source: str, said: str) -> None:
    """What a filter cannot use is told at the template's line, in words."""
    assert refused(source).startswith(said)


@pytest.mark.parametrize("name", FILTERS)
def test_undefined_values(name: str) -> None:
    """An undefined value is told as such, by whatever filter it goes through."""
    words = {"regex_replace": "('a', 'b')", "cidr_contains": "('::')", "cidr2subnets": "(8)"}
    call = words.get(name, "('a')" if name.startswith("regex_") and name != "regex_escape" else "")
    call = "(1)" if name in {"cidr2nth", "cidr2subnet"} else call
    _, findings = render(f"{{{{ missing | {name}{call} }}}}", "x", {})
    assert [finding.message for finding in findings] == ["missing is not defined"]


def test_r_2_1_toyaml_keeps_the_order_of_keys() -> None:
    """Keys come out in the order they were written in."""
    assert toyaml({"b": 1, "a": 2}) == "b: 1\na: 2\n"


def test_toyaml_of_texts_with_lines() -> None:
    """Lines stay readable in a block, and are in quotes on one line."""
    assert toyaml({"a": "1\n2\n"}) == "a: |\n  1\n  2\n"
    assert toyaml({"a": "1\n2\n"}, inline=True) == '{a: "1\\n2\\n"}'
    assert toyaml("text") == "text\n"


@given(DATA, st.booleans())
def test_toyaml_is_read_as_it_was(data: Any, inline: bool) -> None:
    """Whatever is written as YAML is read as the same value again, by Butane's rules."""
    text = toyaml(data, inline=inline)
    node, findings = parse(text, "x")
    assert not findings
    assert value(node) == data
    assert not inline or "\n" not in text


@given(DATA)
def test_tojson_is_read_as_it_was(data: Any) -> None:
    """JSON is read as the same value again, as JSON and as YAML."""
    assert json.loads(tojson(data)) == data
    node, _ = parse(tojson(data), "x")
    assert made("{{ x | tojson | fromjson | tojson }}", x=data) == tojson(data)
    assert value(node) == data


@given(st.text(st.characters(codec="utf-8")))
def test_base64_and_hash(text: str) -> None:
    """Text goes through Base64 and back, and has its hash."""
    assert made("{{ x | b64encode }}", x=text) == base64.b64encode(text.encode()).decode()
    assert made("{{ x | b64encode | b64decode }}", x=text) == text
    assert made("{{ x | sha256sum }}", x=text) == hashlib.sha256(text.encode()).hexdigest()


def test_every_filter_of_networks_is_known() -> None:
    """No filter of networks is forgotten in the table."""
    own = {
        name
        for name, function in vars(networks).items()
        if name.startswith(("cidr", "ip2")) and callable(function)
    }
    assert own <= FILTERS.keys()
