"""Changed files take effect: what restarts, reloads, starts, stops, and which programs run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.reconfigure.model import Entry, Machine, file, read, storage
from toolbox.lib.reconfigure.desire.state import Kind
from toolbox.lib.reconfigure.look.survey import UnitFacts
from toolbox.lib.reconfigure.units.actions import UnitAction, Verb

if TYPE_CHECKING:
    from toolbox.lib.reconfigure.planning.plan import Plan

RUNS = UnitFacts("loaded", "active", "enabled")
STATIC = UnitFacts("loaded", "active", "static")
RELOADS = UnitFacts("loaded", "active", "enabled", can_reload=True)
IDLE = UnitFacts("loaded", "inactive", "disabled")
FAILED = UnitFacts("loaded", "failed", "enabled")
ON = "[Install]\nWantedBy=multi-user.target\n"


def _unit(name: str, text: str | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, **({"contents": text} if text is not None else {}), **more}


def _config(*units: dict[str, Any], files: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"systemd": {"units": list(units)}, **storage(*files)}


def _said(plan: Plan) -> list[str]:
    return [f"{action.verb} {action.unit}" for action in plan.units]


def _between(one: dict[str, Any], other: dict[str, Any], **units: UnitFacts) -> Plan:
    """Return the plan for a machine that holds one config, and shall hold another."""
    machine = Machine()
    machine.apply(machine.plan(read(one)))
    machine.units = {name.replace("__", "@").replace("_", "."): it for name, it in units.items()}
    return machine.plan(read(other, "b"))


def _changed(path: str, *others: dict[str, Any], **units: UnitFacts) -> list[str]:
    """Return what is done when a file changes beside units of the config."""
    both = [_config(*others, files=(file(path, text),)) for text in ("one", "two")]
    return _said(_between(both[0], both[1], **units))


OWN = "[Service]\nExecStart=/usr/bin/x --config /etc/x.conf\nEnvironmentFile=-/etc/x.env\n"


def test_a_unit_that_is_new() -> None:
    """A unit that starts at boot is enabled and started, after systemd has read it."""
    plan = _between({}, _config(_unit("web.service", OWN + ON, enabled=True)))
    assert _said(plan) == ["enable web.service", "start web.service"]
    assert plan.reload


def test_a_unit_without_install() -> None:
    """What cannot be enabled is not, and is not started."""
    assert _said(_between({}, _config(_unit("web.service", OWN, enabled=True)))) == []


def test_a_unit_that_changes() -> None:
    """A unit that runs is restarted; one that is idle and not wanted is left alone."""
    one, other = (_config(_unit("web.service", f"{OWN}#{n}\n{ON}", enabled=True)) for n in (1, 2))
    assert _said(_between(one, other, web_service=RUNS)) == ["restart web.service"]
    assert _said(_between(one, other, web_service=FAILED)) == ["restart web.service"]
    one, other = (_config(_unit("web.service", f"{OWN}#{n}\n")) for n in (1, 2))
    assert _said(_between(one, other, web_service=IDLE)) == []


def test_an_install_section_that_changes() -> None:
    """A unit that is wanted by something else is enabled anew."""
    one = _config(_unit("web.service", OWN + ON, enabled=True))
    other = _config(_unit("web.service", OWN + ON.replace("multi", "graphical"), enabled=True))
    said = _said(_between(one, other, web_service=RUNS))
    assert said == ["disable web.service", "enable web.service", "restart web.service"]


def test_a_unit_that_goes() -> None:
    """A unit is stopped and disabled when its file goes."""
    one = _config(_unit("web.service", OWN + ON, enabled=True))
    assert _said(_between(one, {}, web_service=RUNS)) == ["stop web.service", "disable web.service"]


def test_drop_ins() -> None:
    """A drop-in restarts the unit that it is for, when it comes, changes and goes."""
    one, other = (
        _config(_unit("sshd.service", dropins=[{"name": "1.conf", "contents": text}]))
        for text in ("[Service]\n", "[Service]\nNice=1\n")
    )
    for pair in (({}, one), (one, other), (one, {})):
        assert _said(_between(*pair, sshd_service=RUNS)) == ["restart sshd.service"]


def test_masks() -> None:
    """A masked unit stops, and starts again when the mask is gone, if it ran before."""
    masked, bare = _config(_unit("cron.service", mask=True)), _config(_unit("cron.service"))
    machine = Machine(units={"cron.service": RUNS})
    plan = machine.plan(read(masked))
    assert _said(plan) == ["stop cron.service"]
    machine.apply(plan)
    machine.units["cron.service"] = UnitFacts("masked", "inactive", "masked")
    back = machine.plan(read(bare, "b"))
    assert _said(back) == ["start cron.service"]
    assert [change.path for change in back.nodes][-1] == "/etc/systemd/system/cron.service"


def test_unmasking_what_others_masked() -> None:
    """A mask that the image brings is removed where the config wants it away."""
    machine = Machine(units={"cron.service": UnitFacts("masked", "inactive", "masked")})
    path = "/etc/systemd/system/cron.service"
    machine.ignite(read(_config(_unit("cron.service", mask=True))))
    machine.record = None
    plan = machine.plan(read(_config(_unit("cron.service", mask=False, enabled=True))))
    assert [change.path for change in plan.nodes if change.target] == [path]
    assert _said(plan) == ["enable cron.service", "start cron.service"]


def test_a_mask_of_the_image_comes_back() -> None:
    """Where no config speaks of it any more, the image's own mask is there again."""
    units = {"cron.service": UnitFacts("masked", "inactive", "masked")}
    path = "/etc/systemd/system/cron.service"
    machine = Machine(units=units)
    machine.tree[path] = Entry(Kind.LINK, target="/dev/null")
    bare = read(_config(_unit("cron.service", mask=False)), "a")
    machine.apply(machine.plan(bare))
    assert path not in machine.tree
    machine.units["cron.service"] = RUNS
    assert machine.plan(bare).nothing

    back = machine.plan(read({}, "b"))
    assert [(change.path, change.target) for change in back.nodes] == [(path, "/dev/null")]
    assert _said(back) == ["stop cron.service"]
    machine.apply(back)
    assert machine.plan(read({}, "b")).nothing


def test_a_mask_of_the_image_comes_back_though_cut_off() -> None:
    """It is the image's again as soon as it is back, and the next apply leaves it there."""
    path = "/etc/systemd/system/cron.service"
    machine = Machine(units={"cron.service": UnitFacts("masked", "inactive", "masked")})
    machine.tree[path] = Entry(Kind.LINK, target="/dev/null")
    machine.apply(machine.plan(read(_config(_unit("cron.service", mask=False)), "a")))
    machine.units["cron.service"] = RUNS

    back = machine.plan(read({}, "b"))
    machine.apply(back, steps=len(back.nodes))
    machine.apply(machine.plan(read({}, "b")))

    assert machine.tree[path].target == "/dev/null"
    assert machine.plan(read({}, "b")).nothing


def test_a_mask_does_not_take_what_came_instead() -> None:
    """What somebody put where the image had its mask stays."""
    units = {"cron.service": UnitFacts("masked", "inactive", "masked")}
    path = "/etc/systemd/system/cron.service"
    machine = Machine(units=units)
    machine.tree[path] = Entry(Kind.LINK, target="/dev/null")
    machine.apply(machine.plan(read(_config(_unit("cron.service", mask=False)), "a")))
    machine.tree[path] = Entry(Kind.FILE, data=b"[Service]\n")
    machine.units["cron.service"] = RUNS

    assert not machine.plan(read({}, "b")).nodes


def test_a_unit_of_the_image() -> None:
    """A unit of the image is switched off, and is as before when nothing is said any more."""
    off = _config(_unit("cron.service", enabled=False))
    machine = Machine(units={"cron.service": RUNS})
    plan = machine.plan(read(off))
    assert _said(plan) == ["stop cron.service", "disable cron.service"]
    machine.apply(plan)
    assert machine.tree["/etc/systemd/system-preset/20-ignition.preset"].data == (
        b"disable cron.service\n"
    )
    assert machine.plan(read(off)).nothing
    back = machine.plan(read({}, "b"))
    assert _said(back) == ["enable cron.service", "start cron.service"]


def test_a_unit_that_never_started() -> None:
    """A unit that the image does not start gets no line of presets."""
    plan = Machine(units={"cron.service": IDLE}).plan(
        read(_config(_unit("cron.service", enabled=False)))
    )
    assert plan.nothing


def test_templates() -> None:
    """An instance comes, changes and goes with its template; others stay."""
    text = "[Service]\nExecStart=/usr/bin/x %i\nEnvironmentFile=/etc/x/%i.env\n" + ON
    one = _config(_unit("x@.service", text), _unit("x@a.service", enabled=True))
    both = _config(
        _unit("x@.service", text),
        _unit("x@a.service", enabled=True),
        _unit("x@b.service", enabled=True),
    )
    assert _said(_between(one, both, x__a_service=RUNS)) == [
        "enable x@b.service",
        "start x@b.service",
    ]
    assert _said(_between(both, one, x__a_service=RUNS, x__b_service=RUNS)) == [
        "stop x@b.service",
        "disable x@b.service",
    ]
    newer = _config(_unit("x@.service", text + "#\n"), *both["systemd"]["units"][1:])
    assert _said(_between(both, newer, x__a_service=RUNS, x__b_service=RUNS)) == [
        "restart x@a.service",
        "restart x@b.service",
    ]
    changed = _changed(
        "/etc/x/b.env", *both["systemd"]["units"], x__a_service=RUNS, x__b_service=RUNS
    )
    assert changed == ["restart x@b.service"]


NAMED = {
    "ExecStart=/usr/bin/x -c /etc/x.conf": ("/etc/x.conf", "reload"),
    "ExecStart=-/usr/local/bin/x": ("/usr/local/bin/x", "restart"),
    "EnvironmentFile=-/etc/x.env": ("/etc/x.env", "restart"),
    "LoadCredential=key:/etc/keys/x": ("/etc/keys/x", "restart"),
    "LoadCredential=key:web-key": ("/etc/credstore/web-key", "restart"),
    "ImportCredential=web.*": ("/etc/credstore/web.cert", "restart"),
    "BindReadOnlyPaths=/etc/shared:/x": ("/etc/shared/deep/file", "restart"),
    "EnvironmentFile=%E/%p/%N.env": ("/etc/web/web.env", "restart"),
    "WorkingDirectory=/srv/app": ("/srv/app/main.py", "restart"),
}


@pytest.mark.parametrize("setting", NAMED)
def test_what_a_unit_names(setting: str) -> None:
    """A file that a unit names restarts it, or is read anew where that is possible."""
    path, verb = NAMED[setting]
    unit = _unit("web.service", f"[Service]\n{setting}\n")
    assert _changed(path, unit, web_service=RELOADS) == [f"{verb} web.service"]
    assert _changed(path, unit, web_service=RUNS) == ["restart web.service"]
    assert _changed(f"/etc/other{path}", unit, web_service=RUNS) == []


QUADLET = "[Container]\nImage=hello.image\nEnvironmentFile=./hello.env\nVolume=/etc/page:/www:ro\n"
FOLDER = "/etc/containers/systemd"


def test_quadlets() -> None:
    """A quadlet is started when it comes, restarted when it changes, stopped when it goes."""
    path = f"{FOLDER}/hello.container"
    one, other = (storage(file(path, f"{QUADLET}#{n}\n{ON}")) for n in (1, 2))
    plan = _between({}, one)
    assert _said(plan) == ["start hello.service"]
    assert plan.reload
    generated = UnitFacts("loaded", "active", "generated")
    assert _said(_between(one, other, hello_service=generated)) == ["restart hello.service"]
    assert _said(_between(one, {}, hello_service=generated)) == ["stop hello.service"]


def test_instances_of_quadlets() -> None:
    """A link to a template of quadlets is an instance, and restarts with it."""
    files = [file(f"{FOLDER}/x@.container", f"{QUADLET}#{n}\n{ON}") for n in (1, 2)]
    link = {"path": f"{FOLDER}/x@a.container", "target": "x@.container"}
    one, other = (storage(template, links=[link]) for template in files)
    assert _said(_between({}, one)) == ["start x@a.service"]
    assert _said(_between(one, other, x__a_service=STATIC)) == ["restart x@a.service"]
    assert _said(_between(one, storage(files[0]), x__a_service=STATIC)) == ["stop x@a.service"]
    default = storage(file(f"{FOLDER}/x@.container", f"{QUADLET}{ON}DefaultInstance=b\n"))
    assert _said(_between({}, default)) == ["start x@b.service"]


SUPPORT = {
    f"{FOLDER}/hello.env": ["restart hello.service"],
    "/etc/page/index.html": ["restart hello.service"],
    f"{FOLDER}/hello.image": ["restart hello-image.service", "restart hello.service"],
    f"{FOLDER}/hello.container.d/1.conf": ["restart hello.service"],
    f"{FOLDER}/other.env": [],
}


@pytest.mark.parametrize("path", SUPPORT)
def test_support_files_of_quadlets(path: str) -> None:
    """What a quadlet uses restarts its service, images and networks first."""
    others = storage(file(f"{FOLDER}/hello.container", QUADLET + ON))["storage"]["files"]
    one, other = (storage(*others, file(path, text)) for text in ("[Image]\n", "[Image]\nX=1\n"))
    plan = _between(one, other, hello_service=STATIC, **{"hello-image_service": STATIC})
    assert _said(plan) == SUPPORT[path]


def test_images_are_built_anew() -> None:
    """A file of what an image is built from builds it, and restarts what uses it."""
    files = (
        file(
            f"{FOLDER}/app.build", "[Build]\nImageTag=localhost/app\nSetWorkingDirectory=/srv/app\n"
        ),
        file(f"{FOLDER}/app.container", "[Container]\nImage=app.build\n"),
    )
    one, other = (storage(*files, file("/srv/app/Containerfile", f"FROM {n}\n")) for n in (1, 2))
    plan = _between(one, other, app_service=STATIC, **{"app-build_service": STATIC})
    assert _said(plan) == ["restart app-build.service", "restart app.service"]


def test_compose() -> None:
    """A file of a project restarts the instance that it belongs to."""
    unit = _unit("compose@.service", "[Service]\nWorkingDirectory=/srv/compose/%i\n")
    facts = {"compose__a_service": RUNS, "compose__b_service": RUNS}
    changed = _changed("/srv/compose/a/app/Dockerfile", unit, **facts)
    assert changed == ["restart compose@a.service"]
    assert _changed("/etc/compose/b/compose.yml", **facts) == ["restart compose@b.service"]


DECLARED = {
    "/etc/ssh/sshd_config.d/10-x.conf": ("sshd_service", "reload sshd.service"),
    "/etc/ssh/ssh_host_ed25519_key": ("ssh_service", "reload ssh.service"),
    "/etc/sysctl.d/x.conf": ("systemd-sysctl_service", "restart systemd-sysctl.service"),
    "/etc/systemd/nspawn/box.nspawn": (
        "systemd-nspawn__box_service",
        "restart systemd-nspawn@box.service",
    ),
    "/etc/systemd/network/x.network": (
        "systemd-networkd_service",
        "reload systemd-networkd.service",
    ),
    "/etc/firewalld/zones/public.xml": ("firewalld_service", "reload firewalld.service"),
    "/etc/containers/environment/web.env": ("web_service", "restart web.service"),
}


@pytest.mark.parametrize("path", DECLARED)
def test_the_declared_map(path: str) -> None:
    """A file that programs of the machine read takes effect there, where they are."""
    unit, expected = DECLARED[path]
    facts = RELOADS if expected.startswith("reload") else RUNS
    assert _changed(path, **{unit: facts}) == [expected]
    assert _changed(path) == []


COMMANDS = {
    "/etc/pki/ca-trust/source/anchors/ca.crt": ("update-ca-trust",),
    "/usr/local/share/ca-certificates/ca.crt": ("update-ca-certificates",),
    "/etc/udev/rules.d/x.rules": ("udevadm", "control", "--reload"),
    "/etc/tmpfiles.d/x.conf": ("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/x.conf"),
}


@pytest.mark.parametrize("path", COMMANDS)
def test_programs(path: str) -> None:
    """What only a program can make take effect runs it; what is gone is named to none."""
    plan = _between({}, storage(file(path, "x")))
    assert plan.commands == (COMMANDS[path],)
    gone = _between(storage(file(path, "x")), {})
    assert all(path not in command for command in gone.commands)


def test_sockets() -> None:
    """A socket is opened anew while its service does not run."""
    one, other = (_config(_unit("x.socket", f"[Socket]\nListenStream={n}\n")) for n in (1, 2))
    said = _said(_between(one, other, x_socket=RUNS, x_service=RUNS))
    assert said == ["stop x.service", "restart x.socket", "restart x.service"]


def test_what_is_never_restarted() -> None:
    """The message bus reloads, or is left alone."""
    assert _changed("/etc/dbus-1/system.d/x.conf", dbus_service=RELOADS) == ["reload dbus.service"]
    assert _changed("/etc/dbus-1/system.d/x.conf", dbus_service=RUNS) == []


def test_in_a_folder() -> None:
    """Where no systemd runs, files change and nothing else."""
    plan = Machine().plan(
        read(_config(_unit("web.service", OWN + ON, enabled=True))), systemd=False
    )
    assert plan.nodes
    assert (plan.units, plan.commands, plan.reload) == ((), (), False)


def test_an_apply_that_was_cut_off() -> None:
    """What an apply had still to do is done by the next one."""
    wanted = read(_config(_unit("web.service", OWN + ON, enabled=True)))
    machine = Machine()
    plan = machine.plan(wanted)
    machine.apply(plan, steps=len(plan.nodes))
    machine.units["web.service"] = RUNS
    again = machine.plan(wanted)
    assert not again.nodes
    assert again.reload
    assert _said(again) == ["enable web.service", "start web.service"]


def test_stale_units() -> None:
    """Where a file has changed behind systemd's back, it is told."""
    stale = UnitFacts("loaded", "active", "enabled", stale=True)
    wanted = read(_config(_unit("web.service", OWN + ON, enabled=True)))
    machine = Machine().ignite(wanted)
    machine.units = {"web.service": stale}
    assert machine.plan(wanted).reload


def test_why() -> None:
    """An action says which files it is for."""
    both = [
        _config(_unit("web.service", OWN), files=(file("/etc/x.env", n), file("/etc/x.conf", n)))
        for n in ("1", "2")
    ]
    plan = _between(both[0], both[1], web_service=RUNS)
    assert plan.units == (UnitAction("web.service", Verb.RESTART, ("/etc/x.env", "/etc/x.conf")),)
