"""What looks like a template where none is: only statements with our names are told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolbox.lib.butane.check import leftover

NAMES = frozenset({"FQDN", "port"})


@pytest.mark.parametrize(
    "text",
    [
        "{{ .Values.port }}",
        "{{ $port }} {{ other }} {{ 'FQDN' }}",
        "${{ github.port }}",
        "{% raw %} {# port #}",
        "{{ FQDN",
        "{port} {{}} {%%}",
        "export x=${#port}",
    ],
)
def test_of_other_programs(file: Any, text: str) -> None:
    """Braces of Go, Ansible, GitHub and shells are left alone."""
    assert leftover.judge(file("/etc/x", text), NAMES) == ()


@given(st.text(st.sampled_from("{}%# port\n"), max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_only_whole_statements(file: Any, text: str) -> None:
    """What is told stands in the file, at the line and column that are told."""
    for found in leftover.judge(file("/etc/x", text), NAMES):
        line = text.split("\n")[found.line - 1]
        assert found.message.startswith(line[found.column - 1 :].partition("}")[0])


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/etc/x.j2", b"{{ FQDN }}"),
        ("/etc/x", b"\0{{ FQDN }}"),
        ("/etc/x", b"{{ FQDN }}".rjust(leftover.LARGEST + 1)),
    ],
    ids=["rendered-there", "no-text", "large"],
)
def test_left_out(file: Any, path: str, data: bytes) -> None:
    """What the machine renders, what is no text, and what is large is not searched."""
    assert leftover.judge(file("/etc/x", b"{{ FQDN }}"), NAMES)
    assert leftover.judge(file(path, data), NAMES) == ()
