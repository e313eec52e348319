"""What Butane and ignition-validate print becomes complaints in words."""

from __future__ import annotations

import pytest

from toolbox.lib.butane import complaint
from toolbox.lib.butane.complaint import VERSIONS, Complaint
from toolbox.lib.butane.origins import of
from toolbox.lib.core.report import Severity
from toolbox.lib.inventory.document import Place, parse

ERROR, WARNING = Severity.ERROR, Severity.WARNING
GONE = "no such file or directory"
FAILURE = "Error translating config: "


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "error at $.storage.files.1, line 7 col 7: duplicate entry defined",
            Complaint(ERROR, "butane", "duplicate entry defined", path="storage.files.1"),
        ),
        (
            "warning at $.storage.files.0.moode, line 6 col 7: unused key moode",
            Complaint(
                WARNING,
                "unknown-key",
                "unused key moode",
                path="storage.files.0.moode",
                about_key=True,
            ),
        ),
        (
            "error at $.passwd.users.0.sshAuthorizedKeys: wrong",
            Complaint(ERROR, "butane", "wrong", path="passwd.users.0.ssh_authorized_keys"),
        ),
        (
            f"error at $.storage.files.0.contents.local, line 7 col 16: open d/x: {GONE}",
            Complaint(
                ERROR,
                "missing-local",
                "there is no d/x",
                "local files are looked for in the folder of --files-dir",
                path="storage.files.0.contents.local",
            ),
        ),
        (
            "warning: config generated has no meaning",
            Complaint(WARNING, "butane", "config generated has no meaning"),
        ),
        (
            "  line 15: cannot unmarshal !!str `yess` into bool",
            Complaint(ERROR, "wrong-kind", "yess is not true or false", line=15),
        ),
        (
            "  line 3: cannot unmarshal !!seq into v0_7.SSHAuthorizedKey",
            Complaint(ERROR, "wrong-kind", "a list is not a text", line=3),
        ),
        (
            "  line 3: cannot unmarshal !!map into []v0_7.File",
            Complaint(ERROR, "wrong-kind", "a mapping is not a list", line=3),
        ),
        (
            "  line 1: cannot unmarshal !!str `hello` into config.commonFields",
            Complaint(ERROR, "wrong-kind", "hello is not a mapping", line=1),
        ),
        (
            '  line 3: mapping key "variant" already defined at line 1',
            Complaint(
                ERROR,
                "duplicate-key",
                "variant is given twice, first on line 1",
                "remove one of them",
                line=3,
            ),
        ),
        (
            f"{FAILURE}Error unmarshaling yaml: yaml: line 5: did not find expected key",
            Complaint(ERROR, "yaml-syntax", "did not find expected key", line=5),
        ),
        (
            f"{FAILURE}error parsing variant; must be specified",
            Complaint(
                ERROR, "missing-variant", "the key variant is missing", complaint.HEAD, line=1
            ),
        ),
        (
            f"{FAILURE}error parsing version; must be a valid semver",
            Complaint(
                ERROR,
                "bad-version",
                "the key version is missing, or is no version",
                "such as version: 1.6.0",
                "version",
                line=1,
            ),
        ),
        (
            f"{FAILURE}No translator exists for variant fcos with version 9.9.9",
            Complaint(
                ERROR,
                "unknown-version",
                "Butane knows no variant fcos of version 9.9.9",
                f"versions of fcos: {VERSIONS['fcos']}",
                "version",
            ),
        ),
        (
            f"{FAILURE}No translator exists for variant fcoss with version 1.6.0",
            Complaint(
                ERROR,
                "unknown-variant",
                "Butane knows no variant fcoss of version 1.6.0",
                "variants: fcos, flatcar, openshift, r4e, fiot",
                "variant",
            ),
        ),
        (
            f"{FAILURE}rhcos variant has been removed; use openshift variant instead",
            Complaint(
                ERROR,
                "unknown-variant",
                "Butane knows no variant rhcos any more",
                "use openshift variant instead",
                "variant",
            ),
        ),
    ],
)
def test_read(said: str, expected: Complaint) -> None:
    """Each form of a line gives one complaint."""
    assert complaint.read(said) == [expected]


def test_read_leaves_the_rest() -> None:
    """What only says that there was something is no complaint, and nothing is told twice."""
    line = "error at $.storage.files.1, line 7 col 7: duplicate entry defined"
    said = f"{line}\n{line}\n{FAILURE}config generated was invalid\n\n"

    assert len(complaint.read(said)) == 1


@pytest.mark.parametrize(
    ("path", "about_key", "line", "expected"),
    [
        ("a.0.b", False, None, Place("x", 2, 8)),
        ("a.0.b", True, None, Place("x", 2, 5)),
        ("a.0.c.d", False, None, Place("x", 2, 5)),
        ("nothing", False, None, Place("whole")),
        ("", False, None, Place("whole")),
        ("", False, 9, Place("whole")),
    ],
)
def test_place(path: str, about_key: bool, line: int | None, expected: Place) -> None:
    """A complaint is at its value, its key, the nearest value around it, or the whole config."""
    node, _ = parse("a:\n  - b: 1\n", "x")
    assert node is not None
    item = Complaint(ERROR, "x", "y", path=path, line=line, about_key=about_key)

    assert item.place(of(node), Place("whole")) == expected
