"""Why something is on a host: layer, file and line, and what was won over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolbox.lib.butane import why
from toolbox.lib.butane.render import render
from toolbox.lib.inventory.load import load

if TYPE_CHECKING:
    from conftest import Workbench

    from toolbox.lib.butane.why import Reason

HEAD = "variant: fcos\nversion: 1.6.0\n"
FIRST = f"""{HEAD}storage:
  trees:
    - local: tree
    - local: units
      path: /etc/systemd/system
  directories:
    - path: /srv/data
      mode: 0700
  links:
    - path: /etc/localtime
      target: /usr/share/zoneinfo/UTC
  files:
    - path: /etc/greeting
      mode: 0644
      contents:
        inline: hello
    - path: /etc/kept
      contents:
        local: kept
    - path: /etc/containers/systemd/proxy.container
      contents:
        inline: "[Container]\\n"
systemd:
  units:
    - name: web.service
      enabled: true
      contents: |
        [Service]
        ExecStart=/bin/true
        [Install]
        WantedBy=multi-user.target
"""
SECOND = f"""{HEAD}storage:
  files:
    - path: /etc/greeting
      contents:
        inline: again
    - path: /etc/localtime
      contents:
        inline: x
systemd:
  units:
    - name: web.service
      dropins:
        - name: more.conf
          contents: "[Service]\\nRestart=always\\n"
"""
FILES = {
    "10.bu": FIRST,
    "20.bu": SECOND,
    "kept": "k",
    "tree/etc/deep/file": "f",
    "units/web.service.d/tree.conf": "[Service]\n",
}


def _ask(bench: Workbench, what: str) -> tuple[tuple[Reason, ...], str | None]:
    project = load(bench.root)
    with render(project, project.hosts[0], bench.identity) as config:
        return why.why(config, what), why.suggestion(config, what)


def _told(bench: Workbench, what: str) -> list[tuple[object, ...]]:
    reasons, _ = _ask(bench.write(FILES), what)
    return [(item.kind, str(item.place), item.sets, item.overruled) for item in reasons]


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (
            "/etc/greeting",
            [
                ("file", "hosts/web/20.bu:5:7", ("contents",), ()),
                ("file", "hosts/web/10.bu:15:7", ("mode",), ("contents",)),
            ],
        ),
        ("/srv/data/", [("directory", "hosts/web/10.bu:9:7", ("mode",), ())]),
        (
            "/etc/localtime",
            [
                ("file", "hosts/web/20.bu:8:7", ("contents",), ()),
                ("link", "hosts/web/10.bu:12:7", (), ("target",)),
            ],
        ),
        ("/etc/deep/file", [("tree", "hosts/web/10.bu:5:7", ("contents",), ())]),
        (
            "web.service",
            [
                ("drop-in", "hosts/web/20.bu:15:11", ("contents",), ()),
                ("unit", "hosts/web/10.bu:27:7", ("enabled", "contents"), ()),
                ("tree", "hosts/web/10.bu:6:7", ("contents",), ()),
            ],
        ),
        (
            "/etc/systemd/system/web.service.d/more.conf",
            [("drop-in", "hosts/web/20.bu:15:11", ("contents",), ())],
        ),
        (
            "proxy.service",
            [("file", "hosts/web/10.bu:22:7", ("contents",), ())],
        ),
        ("/etc", [("tree", "hosts/web/10.bu:5:7", ("contents",), ())]),
        ("/nowhere", []),
    ],
)
def test_why(bare: Workbench, what: str, told: list[tuple[object, ...]]) -> None:
    """Who says something, the last word first, with what holds and what does not."""
    assert _told(bare, what) == told


def test_sources(bare: Workbench) -> None:
    """The file that something is made from has its name in the project."""
    (kept,), _ = _ask(bare.write(FILES), "/etc/kept")
    (deep,), _ = _ask(bare, "/etc/deep/file")

    assert (kept.source, deep.source) == ("hosts/web/kept", "hosts/web/tree/etc/deep/file")


def test_shipped_layer(bench: Workbench) -> None:
    """What a shipped unit puts there is of its layer, until the host's own says otherwise."""
    bench.write(
        {"main.bu": f"{HEAD}storage:\n  files:\n    - path: /etc/hostname\n      mode: 0600\n"}
    )

    (own, shipped), _ = _ask(bench, "/etc/hostname")

    assert (own.layer, own.sets) == ("hosts/web", ("mode",))
    assert (shipped.layer, shipped.overruled) == ("butane/base", ("mode",))
    assert shipped.holds


def test_items_of_a_loop_are_told_apart(bare: Workbench) -> None:
    """Of two items that one line of a template makes, one can be overruled and the other not."""
    loop = "{% for n in [1, 2] %}\n    - path: /{{ n }}\n      mode: 0644\n{% endfor %}\n"
    bare.write(
        {
            "10.bu": f"{HEAD}storage:\n  files:\n{loop}",
            "20.bu": f"{HEAD}storage:\n  files:\n    - path: /1\n      mode: 0600\n",
        }
    )

    (_, first), _ = _ask(bare, "/1")
    (second,), _ = _ask(bare, "/2")

    assert (first.overruled, first.holds) == (("mode",), False)
    assert (second.sets, second.overruled) == (("mode",), ())


MARKED = f"""{HEAD}storage:
  links: !reset []
  files:
    - !reset {{path: /etc/kept}}
    - path: /etc/greeting
      mode: !reset null
systemd:
  units:
    - !override
      name: web.service
      mask: true
"""


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (
            "/etc/kept",
            [
                ("hosts/web/30.bu:6:7", "reset", (), (), ()),
                ("hosts/web/10.bu:19:7", "", (), ("contents",), ()),
            ],
        ),
        (
            "/etc/greeting",
            [
                ("hosts/web/30.bu:7:7", "", (), (), ("mode",)),
                ("hosts/web/10.bu:15:7", "", ("contents",), ("mode",), ()),
            ],
        ),
        (
            "/etc/localtime",
            [
                ("hosts/web/30.bu:4:10", "reset", (), (), ()),
                ("hosts/web/10.bu:12:7", "", (), ("target",), ()),
            ],
        ),
        (
            "web.service",
            [
                ("hosts/web/30.bu:11:7", "override", ("mask",), (), ()),
                ("hosts/web/10.bu:27:7", "", (), ("enabled", "contents"), ()),
                ("hosts/web/10.bu:6:7", "", ("contents",), (), ()),
            ],
        ),
    ],
)
def test_marks(bare: Workbench, what: str, told: list[tuple[object, ...]]) -> None:
    """Who takes something away, or replaces it, is told as well."""
    files = {name: text for name, text in FILES.items() if name != "20.bu"}
    reasons, _ = _ask(bare.write({**files, "30.bu": MARKED}), what)

    facts = [(str(r.place), r.mark, r.sets, r.overruled, r.removes) for r in reasons]

    assert facts == told
    assert reasons[0].holds


@pytest.mark.parametrize(
    ("what", "hint"),
    [
        ("/etc/greting", "did you mean /etc/greeting?"),
        ("wep.service", "did you mean web.service?"),
        ("sshd.service", None),
        ("/srv", "nothing names the folder itself; in it: /srv/data"),
        ("/zzz", None),
    ],
)
def test_suggestion(bare: Workbench, what: str, hint: str | None) -> None:
    """What nobody names may have been meant otherwise."""
    assert _ask(bare.write(FILES), what)[1] == hint
