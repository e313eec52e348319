"""Tests of merging: the laws as properties, the catalogue's defects by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolbox.lib.butane.merge import KEYED, duplicates, merge, variants
from toolbox.lib.inventory.document import Items, Node, Scalar, Table, parse, value

HEAD = "variant: fcos\nversion: 1.5.0\n"


def tree(text: str, file: str = "x.bu") -> Table:
    """Return the tree of a YAML text."""
    node, findings = parse(text, file)
    assert not findings
    return node if isinstance(node, Table) else Table({})


def merged(*texts: str) -> Any:
    """Return what YAML texts merge to, as Python values."""
    return value(merge([tree(text) for text in texts]))


def units(*texts: str) -> Any:
    """Return the units that texts of unit lists merge to."""
    return merged(*(f"systemd: {{units: {text}}}" for text in texts))["systemd"]["units"]


def files(*texts: str) -> Any:
    """Return the files that texts of file lists merge to."""
    return merged(*(f"storage: {{files: {text}}}" for text in texts))["storage"]["files"]


def test_r_2_1_merge_butane_dicts_dropin_keeps_unit_contents() -> None:
    """A later layer that only adds a drop-in leaves the unit's contents and enabled alone."""
    unit = "[{name: a.service, enabled: true, contents: x}]"
    assert units(unit, "[{name: a.service, dropins: [{name: b.conf, contents: y}]}]") == [
        {
            "name": "a.service",
            "enabled": True,
            "contents": "x",
            "dropins": [{"name": "b.conf", "contents": "y"}],
        }
    ]


def test_r_2_1_merge_butane_dicts_unit_without_dropins_over_one_with() -> None:
    """A later unit without drop-ins keeps those of the earlier one."""
    below = "[{name: a.service, dropins: [{name: b.conf, contents: y}]}]"
    assert units(below, "[{name: a.service, mask: true}]") == [
        {"name": "a.service", "dropins": [{"name": "b.conf", "contents": "y"}], "mask": True}
    ]


def test_c_2_1_merge_butane_dicts_users_merge_by_name() -> None:
    """Users are merged by name, their ssh keys and groups joined."""
    below = "passwd: {users: [{name: core, groups: [a], ssh_authorized_keys: [k1]}]}"
    above = "passwd: {users: [{name: core, shell: /x, groups: [b, a], ssh_authorized_keys: [k2]}]}"
    assert merged(below, above)["passwd"]["users"] == [
        {
            "name": "core",
            "groups": ["a", "b"],
            "ssh_authorized_keys": ["k1", "k2"],
            "shell": "/x",
        }
    ]


@pytest.mark.parametrize(
    ("lists", "name"),
    [
        ("passwd.groups", "name"),
        ("storage.disks", "device"),
        ("storage.filesystems", "device"),
        ("storage.raid", "name"),
        ("storage.luks", "name"),
        ("storage.directories", "path"),
        ("storage.links", "path"),
    ],
)
def test_c_2_1_merge_butane_dicts_everything_by_its_key(lists: str, name: str) -> None:
    """What a later layer says of a thing is laid over what was said of it; another one is added."""
    section, kind = lists.split(".")
    found = merged(
        f"{section}: {{{kind}: [{{{name}: a, x: 1, y: 1}}]}}",
        f"{section}: {{{kind}: [{{{name}: b, x: 2}}, {{{name}: a, x: 3}}]}}",
    )[section][kind]
    assert found == [{name: "a", "x": 3, "y": 1}, {name: "b", "x": 2}]


def test_c_2_1_merge_butane_dicts_partitions() -> None:
    """A partition of a disk is known by its label, or by its number where it has none."""
    below = "storage: {disks: [{device: a, partitions: [{label: x, size_mib: 1}, {number: 2}]}]}"
    above = "storage: {disks: [{device: a, partitions: [{number: 2, size_mib: 3}, {label: x}]}]}"
    assert merged(below, above)["storage"]["disks"][0]["partitions"] == [
        {"label": "x", "size_mib": 1},
        {"number": 2, "size_mib": 3},
    ]


def test_r_2_1_butane_clevis_to_json_clevis_keeps_every_device() -> None:
    """Devices that are unlocked each in its own way stay beside each other."""
    root = "boot_device: {luks: {tpm2: true, tang: [{url: u, thumbprint: t}]}}"
    var = "storage: {luks: [{name: var, clevis: {tpm2: true}}, {name: srv, clevis: {tpm2: true}}]}"
    found = merged(root, var, "storage: {luks: [{name: srv, clevis: {threshold: 2}}]}")
    assert found["boot_device"]["luks"]["tang"] == [{"url": "u", "thumbprint": "t"}]
    assert found["storage"]["luks"] == [
        {"name": "var", "clevis": {"tpm2": True}},
        {"name": "srv", "clevis": {"tpm2": True, "threshold": 2}},
    ]


def test_r_2_1_merge_dict_struct_keeps_order() -> None:
    """Overriding a thing does not move it."""
    merged_files = files("[{path: /a}, {path: /b}]", "[{path: /b, mode: 1}, {path: /a, mode: 2}]")
    assert merged_files == [{"path": "/a", "mode": 2}, {"path": "/b", "mode": 1}]


def test_dropins_merge_by_name() -> None:
    """A drop-in of the same name is replaced, another one is added."""
    below = "[{name: a.service, dropins: [{name: b.conf, contents: y}]}]"
    above = (
        "[{name: a.service, dropins: [{name: c.conf, contents: z}, {name: b.conf, contents: x}]}]"
    )
    assert units(below, above)[0]["dropins"] == [
        {"name": "b.conf", "contents": "x"},
        {"name": "c.conf", "contents": "z"},
    ]


@pytest.mark.parametrize("below", ["{inline: a}", "{local: a}", "{source: 'data:,a'}"])
def test_contents_replace_contents(below: str) -> None:
    """Contents from elsewhere replace the earlier ones with all that described them."""
    below = below[:-1] + ", verification: {hash: x}, compression: gzip}"
    assert files(
        f"[{{path: /a, mode: 1, contents: {below}}}]", "[{path: /a, contents: {local: b}}]"
    ) == [{"path": "/a", "mode": 1, "contents": {"local": "b"}}]


def test_unit_contents_replace_unit_contents() -> None:
    """A unit's contents are inline or from a file, whichever is said last."""
    assert units("[{name: a.service, contents: x}]", "[{name: a.service, contents_local: y}]") == [
        {"name": "a.service", "contents_local": "y"}
    ]


def test_a_path_changes_its_kind() -> None:
    """A path that was a file and is a link later is no file any more."""
    text = "storage: {files: [{path: /a}, {path: /b}]}"
    assert merged(text, "storage: {links: [{path: /a, target: /b}]}")["storage"] == {
        "files": [{"path": "/b"}],
        "links": [{"path": "/a", "target": "/b"}],
    }


def test_null_replaces_nothing() -> None:
    """A null is no value, as Butane sees it."""
    assert files("[{path: /a, mode: 1}]", "[{path: /a, mode: ~}]") == [{"path": "/a", "mode": 1}]


def test_empty_text_replaces() -> None:
    """An empty text is a value: it takes an earlier compression off."""
    below = "[{path: /a, contents: {source: x, compression: gzip}}]"
    above = '[{path: /a, contents: {compression: ""}}]'
    assert files(below, above)[0]["contents"] == {"source": "x", "compression": ""}


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (("1.5.0", "1.10.0"), "1.10.0"),
        (("1.10.0", "1.5.0"), "1.10.0"),
        (("1.8.0-experimental", "1.7.0"), "1.8.0-experimental"),
        (("1.8.0-experimental", "1.8.0"), "1.8.0"),
    ],
)
def test_highest_version(versions: tuple[str, str], expected: str) -> None:
    """The highest version is kept, wherever it stands."""
    assert merged(*(f"version: {version}" for version in versions)) == {"version": expected}


def test_variants() -> None:
    """Another variant, and a missing one, are told where they are."""
    configs = [tree(HEAD, "a.bu"), tree("variant: flatcar\nversion: 1.0.0\n", "b.bu")]
    configs.append(tree("storage: {}\n", "c.bu"))
    configs.append(tree("variant: fcos\nversion: 1.5\n", "d.bu"))
    assert [finding.render().split("\n")[0] for finding in variants(configs)] == [
        "b.bu:1:10: error[different-variant]: variant flatcar does not go with fcos (a.bu:1:10)",
        "c.bu:1:1: error[missing-variant]: the key variant is missing",
        "c.bu:1:1: error[missing-version]: the key version is missing",
        "d.bu:2:10: error[bad-version]: 1.5 is no version",
    ]


def test_duplicates() -> None:
    """A thing listed twice in one file is a mistake there, not a merge."""
    config = tree(
        "storage: {files: [{path: /a}, {path: /a}]}\n"
        "systemd: {units: [{name: u, dropins: [{name: d}, {name: d}]}]}\n"
    )
    assert [finding.render().split("\n")[0] for finding in duplicates(config)] == [
        "x.bu:1:31: error[duplicate-entry]: /a is listed twice, first at x.bu:1:19",
        "x.bu:2:50: error[duplicate-entry]: d is listed twice, first at x.bu:2:39",
    ]


# Reason: the first call imports what is heavy; how long a case takes is not tested here.
NAMES = st.sampled_from(["a", "b", "c", "d"])
WORDS = st.sampled_from(["x", "y", "", "0644", "true"]).map(Scalar)


def things(key: str, **fields: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Generate a list of things with unique names, in any order, each with some of the fields."""
    optional = st.fixed_dictionaries({}, optional=fields)
    items = st.dictionaries(NAMES, optional, max_size=4).map(
        lambda named: tuple(
            Table({key: Scalar(name), **given_fields}) for name, given_fields in named.items()
        )
    )
    return items.map(Items)


SOURCES = st.fixed_dictionaries(
    {}, optional={"inline": WORDS, "local": WORDS, "compression": WORDS}
).map(Table)
WORD_LISTS = st.lists(WORDS, unique=True, max_size=4).map(lambda items: Items(tuple(items)))
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "storage": st.fixed_dictionaries(
            {}, optional={"files": things("path", mode=WORDS, contents=SOURCES)}
        ).map(Table),
        "systemd": st.fixed_dictionaries(
            {},
            optional={
                "units": things(
                    "name", enabled=WORDS, contents=WORDS, dropins=things("name", contents=WORDS)
                )
            },
        ).map(Table),
        "passwd": st.fixed_dictionaries(
            {}, optional={"users": things("name", shell=WORDS, groups=WORD_LISTS)}
        ).map(Table),
    },
).map(Table)


@given(CONFIGS)
def test_merging_with_nothing(config: Table) -> None:
    """A config merged with nothing is itself."""
    assert merge([config]) == config
    assert merge([config, Table({})]) == config
    assert merge([Table({}), config]) == config


@given(CONFIGS)
def test_idempotent(config: Table) -> None:
    """A config over itself is itself."""
    assert merge([config, config]) == config


@given(CONFIGS, CONFIGS)
def test_later_wins(below: Table, above: Table) -> None:
    """What the later config says holds: putting it on once more changes nothing."""
    once = merge([below, above])
    assert merge([once, above]) == once


@given(CONFIGS, CONFIGS, CONFIGS)
def test_associative(first: Table, second: Table, third: Table) -> None:
    """It does not matter which pair is merged first."""
    assert merge([merge([first, second]), third]) == merge([first, merge([second, third])])


@given(CONFIGS, CONFIGS)
def test_order_is_kept(below: Table, above: Table) -> None:
    """Things keep the order of the earlier list; new ones follow in the order of the later."""
    result = merge([below, above])
    for path, (key, *_) in KEYED.items():
        if len(path) == 2:
            before, after, new = (_listed(node, path, key) for node in (below, result, above))
            assert after == before + [name for name in new if name not in before]


def _listed(config: Table, path: tuple[str, ...], key: str) -> list[str | None]:
    node: Node | None = config
    for step in path:
        node = node.get(step) if isinstance(node, Table) else None
    items = node.items if isinstance(node, Items) else ()
    return [item.text(key) for item in items if isinstance(item, Table)]
