"""The pages are true: links lead somewhere, commands exist, configs work, nothing is left out."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from toolbox.tasks import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from invoke.parser import ParserContext

SHOW_MISTAKES = ("checks.md",)
"""Pages whose examples are wrong, as they tell what is said of that."""

WIDTH = 84
"""Signs of a line that a page has room for at a window's usual width."""

LAUNCHER_VERBS = {"shell", "stop", "image"}
LAUNCHER_VALUES = {"--base"}
FOREIGN = ("http://", "https://", "mailto:")
CALL = re.compile(r"(?:^|(?<=[\s/]))(?P<program>infra|invoke|inv)(?P<rest>(?: +[^\n#|]*)?)$")
VARIABLE = re.compile(r"\bINFRA_[A-Z_]+\b")
ROW = re.compile(r"^\| `(?P<old>[^`]+)` \| (?P<now>[^|]*)\| (?P<state>\w+) \|", re.MULTILINE)
ROOT_TARGETS = """
    help provision-local provision-container uv.lock .venv/bin/activate .venv/installed buildenv
    buildenv-clean py-clean pytest pytest-clean sim__ docs docs-online-build docs-serve docs-clean
    clean test-all test-all-container
"""
PROJECT_TARGETS = """
    help submodules provision-client install-requirements uv.lock buildenv buildenv-clean py-clean
    Pulumi.sim.yaml sim-create sim-up sim-preview sim-show sim-list sim__ sim-clean
    docs docs-online-build docs-serve docs-clean clean-all check_authorized_keys
    prod_passphrase.age Pulumi.prod.yaml prod-create prod-show prod-up prod-preview prod__
"""


def known_tasks() -> dict[str, ParserContext]:
    """Return what each task takes, under all its names."""
    contexts = tree().to_contexts()
    return {name: context for context in contexts for name in (context.name, *context.aliases)}


def calls(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the calls of our programs in a block: the program, and its words."""
    for line in text.splitlines():
        command = line.split(" #")[0].removeprefix("$ ").strip()
        for part in re.split(r"&&|;", command):
            found = CALL.search(part.split(" | ")[0].strip())
            if found:
                yield found["program"], shlex.split(found["rest"])


def wrong_call(program: str, words: list[str]) -> str:
    """Return what is wrong with a call, or nothing."""
    while words and words[0].startswith("-"):
        del words[: 2 if words[0] in LAUNCHER_VALUES else 1]
    tasks = known_tasks()
    if not words or words[0] == "TASK" or (program == "infra" and words[0] in LAUNCHER_VERBS):
        return ""
    # Reason: a comma may end a list of tasks in a table of commands.
    name = words[0].rstrip(",")
    if name not in tasks:
        return f"there is no task {name}"
    own = words[1 : words.index("--")] if "--" in words else words[1:]
    options = {word.split("=")[0] for word in own if word.startswith("--")} - {"--help"}
    unknown = options - set(tasks[name].flags) - set(tasks[name].inverse_flags)
    return f"{name} has no option {', '.join(sorted(unknown))}" if unknown else ""


def test_links(page: Any) -> None:
    """Every link inside the repository leads to a file, and to a heading in it."""
    broken = []
    for target in page.links:
        if target.startswith(FOREIGN):
            continue
        name, _, heading = target.partition("#")
        path = (page.path.parent / name).resolve() if name else page.path
        if not path.exists() or (heading and heading not in type(page)(path).anchors):
            broken.append(target)

    assert not broken


def test_commands(page: Any) -> None:
    """Every call of a task or the launcher in a block names one that exists, with its options."""
    wrong = [
        f"{program} {shlex.join(words)}: {problem}"
        for block in page.blocks
        if block.language in {"sh", "console"}
        for program, words in calls(block.text)
        if (problem := wrong_call(program, list(words)))
    ]

    assert not wrong


def test_commands_fit(page: Any) -> None:
    """No command is cut by the edge of the page."""
    wide = [
        line
        for block in page.blocks
        if block.language == "sh"
        for line in block.text.splitlines()
        if len(line) > WIDTH
    ]

    assert not wide


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("./infra sim", ""),
        ("./infra --base debian image", ""),
        ("$ INFRA_IMAGE=x ./infra sim.up --hosts web", ""),
        ("invoke sim.ssh web -- systemctl --failed", ""),
        ("podman run --rm infra-toolbox invoke sin", "there is no task sin"),
        ("cd there && ../infra simm", "there is no task simm"),
        ("inv sim --fast  # quick", "sim has no option --fast"),
    ],
)
def test_calls_are_understood(line: str, problem: str) -> None:
    """A call is found wherever it stands in a line, and judged."""
    ((program, words),) = calls(line)

    assert wrong_call(program, words) == problem


def test_yaml(page: Any) -> None:
    """Every block of YAML parses; Butane templates are translated by another test."""
    wrong = [
        f"{block.text}: {problem}"
        for block in page.blocks
        if block.language in {"yaml", "yml"} and block not in page.templates
        if (problem := wrong_yaml(block.text))
    ]

    assert not wrong


def wrong_yaml(text: str) -> str:
    """Return what is wrong with a block of YAML, or nothing."""
    try:
        yaml.safe_load(text)
    except yaml.YAMLError as error:
        return str(error)
    return ""


def test_wrong_yaml_is_found() -> None:
    """What does not parse is told with its line."""
    assert "line 2" in wrong_yaml("a: 1\nb: ]\n")


@pytest.mark.needs("butane")
def test_butane(project_page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The titled blocks of a page are a project whose hosts have nothing wrong."""
    from toolbox.lib.butane import pipeline
    from toolbox.lib.inventory.load import load

    blocks = [block for block in project_page.blocks if block.title]
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("INFRA_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "project"
    for block in (_default_project(), *((block.title, block.text) for block in blocks)):
        path = root / block[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block[1])
    project = load(root)

    assert project.hosts
    outcomes = pipeline.every(project, project.hosts, _identity(project))
    assert all(outcome.ignition for outcome in outcomes)
    if project_page.path.name not in SHOW_MISTAKES:
        assert [finding.render() for finding in pipeline.findings(outcomes)] == []


def _default_project() -> tuple[str, str]:
    return "project.yaml", "name: page\n"


def _identity(project: Any) -> Any:
    from toolbox.lib.core.secret import Secret
    from toolbox.lib.pki.identity import HostIdentity, Identity

    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ27pSvqm8NYtkLO8kAIH0sWbVBoFYGD+1mvaAZxG0yd"
    pem = "-----BEGIN TEST-----\nYQ==\n-----END TEST-----\n"
    host = HostIdentity(
        ssh_host_key=Secret(pem),
        ssh_host_public_key=key,
        tls_key=Secret(pem),
        tls_certificate=pem,
    )
    return Identity(
        ca_certificate=pem,
        provision_key=Secret(pem),
        provision_public_key=key,
        hosts={one.name: host for one in project.hosts},
        tsig={name: Secret("dHNpZw==") for name in project.profile.tsig},
    )


def test_every_task_has_a_guide(guides: str) -> None:
    """Every task is named in a guide, by one of its names."""
    missing = [
        name
        for name, aliases in tree().task_names.items()
        if not any(
            re.search(rf"(invoke |infra |`){re.escape(spoken)}(?![\w.])", guides)
            for spoken in (name, *aliases)
        )
    ]

    assert not missing


def _rows(root: Path) -> list[tuple[str, str, str]]:
    text = (root / "docs/reference/make-targets.md").read_text()
    return [(row["old"], row["now"].strip(), row["state"]) for row in ROW.finditer(text)]


def test_every_old_target_is_named(root: Path) -> None:
    """The table of old make targets has all of them, and no others."""
    assert [row[0] for row in _rows(root)] == [*ROOT_TARGETS.split(), *PROJECT_TARGETS.split()]


def test_old_targets_tell_the_truth(root: Path) -> None:
    """What the table says exists does, what comes later does not yet, the rest names nothing."""
    wrong = []
    for old, now, state in _rows(root):
        found = list(calls(now.strip("`")))
        exists = bool(found) and not wrong_call(*found[0])
        if {"exists": exists, "later": bool(found) and not exists, "gone": not now}.get(state):
            continue
        wrong.append(f"{old}: {now} is said to be: {state}")

    assert not wrong


def test_every_variable_is_documented(root: Path) -> None:
    """Every variable that the launcher or the library reads is in the reference, and no other."""
    library = (path.read_text() for path in (root / "toolbox/lib").rglob("*.py"))
    read = set(VARIABLE.findall("\n".join((*library, (root / "infra").read_text()))))
    page = (root / "docs/reference/environment.md").read_text()

    assert set(VARIABLE.findall(page)) == {name for name in read if not name.endswith("_")}


def test_workflows_pin_actions(root: Path) -> None:
    """Every action of a workflow is pinned by a commit, and workflows may only read."""
    for path in (root / ".github/workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text())
        used = re.findall(r"uses: *(\S+)", path.read_text())

        assert all(re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action) for action in used)
        assert workflow["permissions"] == {"contents": "read"}
        assert all("timeout-minutes" in job for job in workflow["jobs"].values())


def test_changelog_fragments(root: Path) -> None:
    """Every fragment has a kind that the README of the folder names."""
    text = (root / "changelog.d/README.md").read_text()
    kinds = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    names = [path.name for path in (root / "changelog.d").iterdir() if path.name != "README.md"]

    assert names
    for name in names:
        found = re.fullmatch(r"\d+\.(\w+)(\.\d+)?\.md", name)
        assert found, name
        assert found[1] in kinds


@pytest.mark.needs("mkdocs")
def test_site(root: Path, tmp_path: Path, program: Callable[[str], str]) -> None:
    """The site builds without a warning."""
    result = subprocess.run(
        [program("mkdocs"), "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert pages
    fetched = re.compile(r'<(?:script|link|img)[^>]+(?:src|href)="https?://')
    assert not [path for path in pages if fetched.search(path.read_text())]
