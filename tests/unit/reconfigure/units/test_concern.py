"""Which units a desired state is about."""

from __future__ import annotations

from tests.unit.reconfigure.model import file, read, storage
from toolbox.lib.reconfigure.desire.state import DesiredState
from toolbox.lib.reconfigure.units import concern


def test_own() -> None:
    """A state is made of the units that it names, and of those that it has files of."""
    units = [{"name": "a.socket", "contents": ""}, {"name": "x@i.service", "enabled": True}]
    pod, ssh = "/etc/containers/systemd/h.pod", "/etc/ssh/sshd_config.d/x.conf"
    state = read({"systemd": {"units": units}, **storage(file(pod, ""), file(ssh, ""))})

    asked = concern.own(state, ["/etc/systemd/system/gone.service.d/x.conf"])

    wanted = {"a.socket", "a.service", "x@i.service", "h-pod.service", "gone.service"}
    assert wanted == {*asked}


def test_readers() -> None:
    """Files are read by units that name them, and by those that are known to."""
    text = "[Service]\nEnvironmentFile=/etc/a.env\n"
    units = [{"name": "a.service", "contents": text}, {"name": "b.service", "contents": text}]
    state = read({"systemd": {"units": units}})

    assert concern.readers(state, ["/etc/a.env"]) == ("a.service", "b.service")
    assert {"ssh.service", "sshd.service"} <= {
        *concern.readers(state, ["/etc/ssh/sshd_config.d/x.conf"])
    }
    assert concern.readers(state, ["/etc/plain"]) == ()


def test_nothing() -> None:
    """Where nothing is desired and nothing was, there is nothing to ask for."""
    assert concern.own(DesiredState("sha256-x")) == ()
    assert concern.readers(DesiredState("sha256-x"), ()) == ()


def test_templates_are_not_asked_for() -> None:
    """Of a template only instances can be asked for."""
    units = [{"name": "x@.service", "contents": "[Service]\nExecStart=/bin/true\n"}]
    assert concern.own(read({"systemd": {"units": units}})) == ()
