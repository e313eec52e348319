"""Units are found by the paths that they name."""

from __future__ import annotations

import pytest

from toolbox.lib.reconfigure.units.references import References


def _named(path: str, unit: str, text: str, at: str = "") -> list[tuple[str, bool]]:
    references = References()
    references.add(unit, text, at)
    return [*references.named(path)]


@pytest.mark.parametrize(
    ("line", "path", "rereads"),
    [
        ("EnvironmentFile=-/etc/x.env", "/etc/x.env", False),
        ("ExecStart=/usr/bin/x --config=/etc/x.conf", "/etc/x.conf", True),
        ("ExecStart=-/usr/bin/x", "/usr/bin/x", False),
        ("BindPaths=/srv/data:/data", "/srv/data/deep/file", False),
        ("ExecStart=/usr/bin/x %E/x.conf", "/etc/x.conf", True),
        ("LoadCredential=token", "/etc/credstore/token", False),
        ("ImportCredential=db.*", "/etc/credstore/db.password", False),
    ],
)
def test_named(line: str, path: str, *, rereads: bool) -> None:
    """A file, one below a folder, and a credential are named, with whether it is read anew."""
    assert _named(path, "x.service", f"[Service]\n{line}\n") == [("x.service", rereads)]


@pytest.mark.parametrize(
    "line", ["ExecReload=/usr/bin/x /etc/x.conf", "ReadOnlyPaths=/etc", "Description=a /etc"]
)
def test_not_named(line: str) -> None:
    """What only reloads reads nothing, and a folder of everything names nothing."""
    assert _named("/etc/x.conf", "x.service", f"[Service]\n{line}\n") == []


def test_templates() -> None:
    """A path with a specifier tells which instance it belongs to."""
    text = "[Service]\nExecStart=/usr/bin/x /etc/x/%i/%i.conf\n"
    assert _named("/etc/x/a/a.conf", "x@.service", text) == [("x@a.service", True)]
    assert _named("/etc/x/a/b.conf", "x@.service", text) == []
    assert _named("/etc/x/a/a.conf", "x@b.service", text) == []


def test_quadlets() -> None:
    """A quadlet's files are beside it, and other quadlets are known by their names."""
    references = References()
    text = "[Container]\nImage=app.build\nEnvironmentFile=app.env\n"
    references.add("app.service", text, "/etc/containers/systemd/app.container")
    assert [*references.named("/etc/containers/systemd/app.env")] == [("app.service", False)]
    assert references.quadlets == {"app.build": ["app.service"]}
