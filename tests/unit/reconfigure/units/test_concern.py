"""Which units a desired state is about."""

from __future__ import annotations

from tests.unit.reconfigure.model import file, read, storage
from toolbox.lib.reconfigure.desire.state import DesiredState
from toolbox.lib.reconfigure.units import concern


def test_units_to_ask_for() -> None:
    """A survey is told of all units that a plan may touch."""
    units = [{"name": "a.socket", "contents": ""}, {"name": "x@i.service", "enabled": True}]
    pod, ssh = "/etc/containers/systemd/h.pod", "/etc/ssh/sshd_config.d/x.conf"
    state = read({"systemd": {"units": units}, **storage(file(pod, ""), file(ssh, ""))})

    asked = concern.units(state, ["/etc/systemd/system/gone.service.d/x.conf"])

    wanted = {"a.socket", "a.service", "x@i.service", "h-pod.service", "sshd.service"}
    assert wanted | {"ssh.service", "gone.service"} <= {*asked}


def test_nothing() -> None:
    """Where nothing is desired and nothing was, there is nothing to ask for."""
    assert concern.units(DesiredState("sha256-x")) == ()


def test_templates_are_not_asked_for() -> None:
    """Of a template only instances can be asked for."""
    units = [{"name": "x@.service", "contents": "[Service]\nExecStart=/bin/true\n"}]
    assert concern.units(read({"systemd": {"units": units}})) == ()
