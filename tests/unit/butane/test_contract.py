"""Tests of the environment contract: defaults, what lies over them, and what is wrong."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.butane.contract import Contract
from toolbox.lib.butane.variables import Problem, keys, resolve

if TYPE_CHECKING:
    from conftest import Workbench

KEYS = """
    LOCALE DNS_RESOLVER FRONTEND LOCAL_DNS_SERVER LOCAL_ACME_SERVER RPM_OSTREE_INSTALL FCOS
    INTERNAL_CIDR NSPAWN_CIDR PODMAN_CIDR PODMAN_POOL_CIDR LIBVIRT_CIDR FIREWALL
    DEBUG_CONSOLE_AUTOLOGIN DEBUG_DISABLE_AUTOUPDATE API_PROXY_LOG_HTTP PODMAN_LOAD_SECRETS
    PODMAN_API_LOG_LEVEL PODMAN_STATIC_NETWORKS UPDATE_USER UPDATE_UID UPDATE_SERVICE UPDATE_PATH
    UPDATE_USE_SUDO UPDATE_CLEVIS_LUKS_SLOTS
"""


def right(**variables: Any) -> dict[str, Any]:
    """Return the names for variables that are right."""
    values, problems = resolve(variables)
    assert not problems
    return values


def wrong(**variables: Any) -> Problem:
    """Return the one thing that is wrong with variables."""
    _, problems = resolve(variables)
    (problem,) = problems
    return problem


def test_all_names_have_a_default() -> None:
    """Every name of the contract is there when nobody says anything, none of them null."""
    values = right()
    assert set(KEYS.split()) <= values.keys()
    assert values["LOCALE"] == {
        "LANG": "en_US.UTF-8",
        "KEYMAP": "us",
        "TIMEZONE": "UTC",
        "COUNTRY_CODE": "UN",
    }
    assert None not in values.values()
    assert not [
        key
        for value in values.values()
        if isinstance(value, dict)
        for key in value
        if value[key] is None
    ]


def test_defaults_are_right() -> None:
    """Each default would be accepted if somebody wrote it."""
    values = right()
    assert right(**values) == values


def test_c_2_8_static_networks_are_nobodys() -> None:
    """No module's networks are on every host."""
    assert right()["PODMAN_STATIC_NETWORKS"] == {}


def test_c_2_8_update_group_is_no_user() -> None:
    """User and group have numbers of their own, and the path follows the user."""
    values = right(UPDATE_UID=1234)
    assert (values["UPDATE_UID"], values["UPDATE_GID"]) == (1234, 1000)
    assert values["UPDATE_PATH"] == "/run/user/1234"
    assert right(UPDATE_UID=1, UPDATE_PATH="/srv")["UPDATE_PATH"] == "/srv"


def test_r_2_8_upstream_tls_is_on() -> None:
    """Unless somebody says otherwise, upstream is asked over TLS."""
    assert right()["DNS_RESOLVER"]["UPSTREAM_TLS"] is True
    resolver = {"FORWARD": [{"name": "corp.example", "addr": "10.0.0.1@853#dns.corp.example"}]}
    assert right(DNS_RESOLVER=resolver)["DNS_RESOLVER"]["FORWARD"][0]["tls"] is False


def test_c_2_4_get_locale_unset() -> None:
    """A host without a locale has the default one, one with a part of it the rest."""
    assert right(LOCALE={"KEYMAP": "de"})["LOCALE"] == {**right()["LOCALE"], "KEYMAP": "de"}


def test_own_names_are_free() -> None:
    """Other names keep whatever they have, next to the contract's."""
    values = right(greeting="hello", NETWORK_CIDR="x", PODMAN_CIDR6="fd00::1/64", cidr=[1])
    assert values["greeting"] == "hello"
    assert values["PODMAN_CIDR6"] == "fd00::1/64"
    assert values["cidr"] == [1]


@pytest.mark.parametrize(
    ("name", "close"),
    [
        ("INTERNAL_CDIR", "INTERNAL_CIDR"),
        ("FRONTXND", None),
        ("DNS_RESOLVR", "DNS_RESOLVER"),
        ("RPM_OSTREE_INSTAL", None),
        ("UPDATE_SERVCE", "UPDATE_SERVICE"),
    ],
)
def test_slips_of_names(name: str, close: str | None) -> None:
    """A name that is almost one of the contract would leave its default in place."""
    _, problems = resolve({name: "x"})
    hints = [problem.hint for problem in problems]
    assert hints == ([f"did you mean {close}? else take another name"] if close else [])


@pytest.mark.parametrize(
    ("variables", "path", "message", "hint"),
    [
        (
            {"LOCALE": {"LNG": "x"}},
            "LOCALE.LNG",
            "LOCALE has no LNG",
            "did you mean LANG?",
        ),
        (
            {"DNS_RESOLVER": {"FORWARD": [{"name": "a", "addr": "1.1.1.1", "tsl": True}]}},
            "DNS_RESOLVER.FORWARD.0.tsl",
            "DNS_RESOLVER.FORWARD.0 has no tsl",
            "did you mean tls?",
        ),
        (
            {"DNS_RESOLVER": {"FORWARD": [{"name": "a"}]}},
            "DNS_RESOLVER.FORWARD.0",
            "DNS_RESOLVER.FORWARD.0: the key addr is missing",
            None,
        ),
        (
            {"INTERNAL_CIDR": "10.0.0.1"},
            "INTERNAL_CIDR",
            "INTERNAL_CIDR: '10.0.0.1' has no prefix",
            "an address and a prefix, such as 10.87.240.1/24",
        ),
        (
            {"INTERNAL_CIDR": "10.0.0.300/24"},
            "INTERNAL_CIDR",
            "INTERNAL_CIDR: '10.0.0.300/24' is no network: '10.0.0.300' is no IP address",
            "an address and a prefix, such as 10.87.240.1/24",
        ),
        (
            {"PODMAN_STATIC_NETWORKS": {"web": "10.89.128.1/33"}},
            "PODMAN_STATIC_NETWORKS.web",
            (
                "PODMAN_STATIC_NETWORKS.web: '10.89.128.1/33' is no network: '33' is no prefix of"
                " IPv4, which goes from 0 to 32"
            ),
            "an address and a prefix, such as 10.87.240.1/24",
        ),
        (
            {"PODMAN_STATIC_NETWORKS": {"a b": "10.89.128.1/24"}},
            "PODMAN_STATIC_NETWORKS.a b",
            "PODMAN_STATIC_NETWORKS.a b: 'a b' is no name",
            "letters, digits and . _ + @ - only, a letter first",
        ),
        (
            {"FRONTEND": {"ENABLED": "yes"}},
            "FRONTEND.ENABLED",
            "FRONTEND.ENABLED: true or false is wanted here",
            "did you mean true?",
        ),
        (
            {"FRONTEND": {"VERBOSITY": "DEBUQ"}},
            "FRONTEND.VERBOSITY",
            (
                "FRONTEND.VERBOSITY: 'DEBUQ' is none of 'TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR',"
                " 'FATAL' or 'PANIC'"
            ),
            "did you mean DEBUG?",
        ),
        (
            {"FRONTEND": []},
            "FRONTEND",
            "FRONTEND: keys with values are wanted here",
            None,
        ),
        (
            {"FRONTEND": {"PUBLISHPORTS": ["9443"]}},
            "FRONTEND.PUBLISHPORTS.0",
            "FRONTEND.PUBLISHPORTS.0: '9443' publishes no port",
            "HOST:CONTAINER, such as 9443:9443",
        ),
        (
            {"LOCALE": {"TIMEZONE": "Europe/Viena"}},
            "LOCALE.TIMEZONE",
            "LOCALE.TIMEZONE: there is no time zone 'Europe/Viena'",
            "did you mean Europe/Vienna?",
        ),
        (
            {"LOCALE": {"LANG": "german"}},
            "LOCALE.LANG",
            "LOCALE.LANG: 'german' is no locale",
            "such as de_AT.UTF-8",
        ),
        (
            {"LOCALE": {"COUNTRY_CODE": "at"}},
            "LOCALE.COUNTRY_CODE",
            "LOCALE.COUNTRY_CODE: 'at' is no country code",
            "two capital letters, such as AT",
        ),
        (
            {"DNS_RESOLVER": {"UPSTREAM": ["dns.google"]}},
            "DNS_RESOLVER.UPSTREAM.0",
            "DNS_RESOLVER.UPSTREAM.0: 'dns.google' is no resolver",
            "ADDRESS@PORT#NAME, such as 9.9.9.9@853#dns.quad9.net",
        ),
        (
            {"DNS_RESOLVER": {"VERBOSITY": 6}},
            "DNS_RESOLVER.VERBOSITY",
            "DNS_RESOLVER.VERBOSITY: '6' is no level",
            "a number from 0 to 5",
        ),
        (
            {"UPDATE_UID": "1000"},
            "UPDATE_UID",
            "UPDATE_UID: a whole number is wanted here",
            None,
        ),
        (
            {"UPDATE_PATH": "run"},
            "UPDATE_PATH",
            "UPDATE_PATH: 'run' is no absolute path",
            "begin it with /",
        ),
        (
            {"LOCAL_ACME_SERVER": {"DOMAINS": ["*.internal"]}},
            "LOCAL_ACME_SERVER.DOMAINS.0",
            (
                "LOCAL_ACME_SERVER.DOMAINS.0: '*.internal' is no domain: in its part '*': it may"
                " have a-z, 0-9 and - only, and - neither first nor last"
            ),
            "such as on.internal",
        ),
        (
            {"PODMAN_CIDR": "10.87.0.1/16"},
            "PODMAN_CIDR",
            "PODMAN_CIDR and INTERNAL_CIDR hold the same addresses",
            "10.87.0.0/16 and 10.87.240.0/24 overlap: change one of them",
        ),
        (
            {"INTERNAL_CIDR": "10.88.5.1/24"},
            "INTERNAL_CIDR",
            "INTERNAL_CIDR and PODMAN_CIDR hold the same addresses",
            "10.88.0.0/16 and 10.88.5.0/24 overlap: change one of them",
        ),
    ],
)
def test_mistakes(variables: dict[str, Any], path: str, message: str, hint: str | None) -> None:
    """What is wrong is told with its path and what to write."""
    problems = resolve(variables)[1]
    assert ".".join(str(step) for step in problems[0].path) == path
    assert problems[0].message == message
    assert problems[0].hint == hint


@pytest.mark.parametrize(
    "variables",
    [
        {"INTERNAL_CIDR": "fd00:1::1/64", "LOCALE": {"LANG": "C.UTF-8", "COUNTRY_CODE": "AT"}},
        {"DNS_RESOLVER": {"VERBOSITY": 3, "UPSTREAM": ["2620:fe::fe@853#dns.quad9.net"]}},
        {"FRONTEND": {"PUBLISHPORTS": ["9443:9443", "10.0.0.1:53:53/udp", ":80"]}},
        {"FRONTEND": {"ENTRYPOINTS": {"pg": {"address": ":5432"}}, "DASHBOARD": "t.example.org"}},
        {"PODMAN_STATIC_NETWORKS": {"web": "10.89.128.1/24", "db": "10.89.129.1/24"}},
        {"LOCALE": {"LANG": "de_AT.UTF-8@euro"}},
        {"LOCALE": {"TIMEZONE": "Etc/GMT+1"}},
    ],
)
def test_what_is_right(variables: dict[str, Any]) -> None:
    """What is right is taken as it is written."""
    assert right(**variables)


def test_static_networks_that_overlap() -> None:
    """Static networks are in the pool, but not in each other."""
    problem = wrong(PODMAN_STATIC_NETWORKS={"a": "10.89.128.1/24", "b": "10.89.128.129/25"})
    assert problem.message.startswith("PODMAN_STATIC_NETWORKS.b and PODMAN_STATIC_NETWORKS.a")


def test_what_is_wrong_keeps_its_default() -> None:
    """Templates can be looked at although a variable is wrong."""
    values, problems = resolve({"LOCALE": {"LANG": "?"}, "UPDATE_UID": "x", "mine": 1})
    assert [problem.path for problem in problems] == [("LOCALE", "LANG"), ("UPDATE_UID",)]
    assert values["LOCALE"]["LANG"] == "en_US.UTF-8"
    assert values["UPDATE_PATH"] == "/run/user/1000"
    assert values["mine"] == 1


def test_keys() -> None:
    """The keys at a path are those of its section, also inside of lists."""
    assert keys(()) == list(Contract.model_fields)
    assert keys(("DNS_RESOLVER", "FORWARD", 0)) == ["name", "addr", "tls"]


@given(
    st.dictionaries(
        st.sampled_from(list(Contract.model_fields)),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
            lambda inner: st.one_of(
                st.lists(inner),
                st.dictionaries(st.sampled_from(["LANG", "ENABLED", "FORWARD", "x"]), inner),
            ),
        ),
    )
)
def test_anything_is_answered(variables: dict[str, Any]) -> None:
    """Whatever somebody writes is right or told; nothing else happens."""
    values, problems = resolve(variables)
    assert Contract.model_fields.keys() <= values.keys()
    assert ip_interface(values["INTERNAL_CIDR"])
    assert all(problem.message and problem.path for problem in problems)


def test_templates_see_it(bare: Workbench) -> None:
    """Templates see the contract, with the project's and over it the host's variables."""
    (bare.root / "project.yaml").write_text(
        "name: example\nvariables:\n  LOCALE: {LANG: de_AT.UTF-8, KEYMAP: de}\n"
    )
    (bare.root / "hosts/web.yaml").write_text("variables:\n  LOCALE: {KEYMAP: at}\n")
    bare.write(
        {
            "main.bu": "variant: fcos\nversion: 1.5.0\nstorage: {files: [{path: /x, contents: "
            "{inline: '{{ LOCALE.LANG }} {{ LOCALE.KEYMAP }} {{ LOCALE.TIMEZONE }} "
            "{{ INTERNAL_CIDR | cidr2ip }} {{ HOSTNAME }}'}}]}\n"
        }
    )
    assert '"de_AT.UTF-8 at UTC 10.87.240.1 web"' in bare.text()


def test_mistakes_stand_where_they_were_written(bare: Workbench) -> None:
    """Each mistake has the line of the file that has it, beside those of the templates."""
    (bare.root / "project.yaml").write_text(
        "name: example\nvariables:\n  LOCALE:\n    LNG: x\n  INTERNAL_CIDR: nothing\n"
        "  FRONTEND: {ENABLED: on}\n"
    )
    (bare.root / "hosts/web.yaml").write_text(
        "variables:\n  INTERNAL_CIDR: 10.0.0.0\n  PODMAN_CDIR: 10.0.0.0/8\n"
    )
    bare.write({"main.bu": "variant: fcos\nversion: 1.5.0\n# {{ INTERNAL_CDIR }}\n"})
    assert [finding.split("\n")[0] for finding in bare.refusal()] == [
        "hosts/web.yaml:2:18: error[invalid-value]: INTERNAL_CIDR: '10.0.0.0' has no prefix",
        "hosts/web.yaml:3:3: error[misspelt-name]: PODMAN_CDIR is almost a name of the contract",
        "hosts/web/main.bu:3: error[undefined-name]: INTERNAL_CDIR is not defined",
        "project.yaml:4:5: error[unknown-key]: LOCALE has no LNG",
        "project.yaml:6:23: error[invalid-value]: FRONTEND.ENABLED: true or false is wanted here",
    ]


def test_r_2_1_dict_get_bool_prints_nothing(
    bare: Workbench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Looking at values prints nothing, and a text is not taken for a boolean."""
    (bare.root / "project.yaml").write_text(
        "name: example\nvariables: {FIREWALL: {ENABLED: false}}\n"
    )
    source = (
        "variant: fcos\nversion: 1.5.0\n# {% if FIREWALL.ENABLED %}\nstorage: {}\n# {% endif %}\n"
    )
    bare.write({"main.bu": source})
    assert "storage" not in bare.text()
    assert capsys.readouterr() == ("", "")
    assert wrong(FIREWALL={"ENABLED": "true"}).path == ("FIREWALL", "ENABLED")


def test_one_template_does_not_change_what_another_sees(bare: Workbench) -> None:
    """A list that one template adds to is the same as before in the next one."""
    source = "variant: fcos\nversion: 1.5.0\n# {{ RPM_OSTREE_INSTALL.append('x') }}\n"
    file = (
        "storage: {files: [{path: /PATH, contents: {inline: '{{ RPM_OSTREE_INSTALL | last }}'}}]}\n"
    )
    bare.write(
        {"1.bu": source + file.replace("PATH", "1"), "2.bu": source + file.replace("PATH", "2")}
    )
    (bare.root / "hosts/web/2.bu").write_text(
        f"variant: fcos\nversion: 1.5.0\n{file.replace('PATH', '2')}"
    )
    text = bare.text()
    assert 'inline: "x"' in text or "inline: x" in text
    assert "clevis-pin-tpm2" in text
