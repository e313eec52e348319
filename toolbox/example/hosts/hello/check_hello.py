"""What the example's machine must do: its file, its unit, its user's keys, its container."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host

    from toolbox.lib.verify.expectation import Expectation

PORT = 8080
PATIENCE_SECONDS = 60


def page(expected: Expectation) -> str:
    """Return what the template renders to."""
    return f"{expected.variables['greeting']}, {expected.fqdn}\n"


def test_templated_file(machine: Host, expected: Expectation) -> None:
    """A file holds what its template renders to."""
    file = machine.file("/srv/hello/index.html")

    assert page(expected) == file.content_string
    assert (file.mode, file.user, file.group) == (0o644, "root", "root")


def test_unit(machine: Host) -> None:
    """A unit of the config is enabled, active, and did its work."""
    found = machine.run("systemctl is-enabled greeted && systemctl is-active greeted")

    assert found.stdout.split() == ["enabled", "active"]
    assert machine.file("/run/greeted").exists


def test_user_key(machine: Host) -> None:
    """The user core has the key that Ignition put there, and no other file of keys."""
    keys = machine.check_output("cat .ssh/authorized_keys.d/ignition").splitlines()

    assert keys
    assert all(key.startswith("ssh-") for key in keys)
    assert not machine.file(".ssh/authorized_keys").exists


def test_container_answers(machine: Host, expected: Expectation) -> None:
    """A quadlet container answers over HTTP from outside the machine."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(expected.url(PORT), timeout=10) as answer:
                assert page(expected) == answer.read().decode()
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if time.monotonic() > end:
                raise AssertionError(machine.check_output("systemctl status hello")) from None
            time.sleep(0.5)
