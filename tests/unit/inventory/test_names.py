"""Tests of names and sizes."""

from __future__ import annotations

import pytest

from toolbox.lib.inventory import names


@pytest.mark.parametrize("name", ["a", "web-1", "1", "a" * 63, "xn--bcher-kva"])
def test_label(name: str) -> None:
    """Labels of RFC 1123 are names."""
    assert names.label_problem(name) is None


@pytest.mark.parametrize("name", ["", "-a", "a-", "a_b", "Web", "a.b", "a" * 64, "bücher", "a\n"])
def test_no_label(name: str) -> None:
    """Anything else is not."""
    assert names.label_problem(name)


@pytest.mark.parametrize("name", ["a..b", ".a", "a.", "a b.c", ".".join(["a" * 60] * 5)])
def test_no_domain(name: str) -> None:
    """A domain is made of labels and is not too long."""
    assert names.domain_problem(name)


def test_sizes() -> None:
    """Sizes have binary units."""
    assert names.mebibytes("2GiB") == 2048
    assert names.mebibytes("512 MiB") == 512


@pytest.mark.parametrize("text", ["2", "2G", "2GB", "-1GiB", "0GiB", "1.5GiB", "GiB", "٣GiB"])
def test_no_size(text: str) -> None:
    """A size without such a unit is refused, for it could mean two things."""
    with pytest.raises(ValueError, match="is no size"):
        names.mebibytes(text)


def test_suggestions() -> None:
    """A misspelt name finds the one it meant; otherwise the choices are listed."""
    assert names.suggestion("hostname", ["HOSTNAME", "FQDN"]) == "did you mean HOSTNAME?"
    assert names.suggestion("zzz", ["b", "a"]) == "known here: a, b"
    assert names.suggestion("zzz", []) is None
