"""The pages as the tests read them: text, links, blocks of code, headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOOSE = ("README.md", "CHANGELOG.md", "changelog.d/*.md", ".github/*.md")
JUDGES = ("dash", "docker-compose", "podman", "shellcheck", "systemd-analyze")
TERMINALS = (
    "butane.md",
    pytest.param("checks.md", marks=pytest.mark.needs(*JUDGES)),
    "host.md",
)
FENCE = re.compile(
    r'^(?P<indent> *)```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?[^\n]*\n'
    r"(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ +(?P<text>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        language: Word behind the fence, such as ``sh``.
        title: Name of the file it shows, or nothing.
        text: Its lines.
    """

    language: str
    title: str
    text: str


@dataclass(frozen=True)
class Page:
    """A page of Markdown."""

    path: Path

    @cached_property
    def source(self) -> str:
        """Return the page as it is written."""
        return self.path.read_text()

    @cached_property
    def prose(self) -> str:
        """Return the page without blocks of code."""
        return FENCE.sub("", self.source)

    @property
    def blocks(self) -> list[Block]:
        """Return its blocks of code."""
        return [
            Block(found["language"], found["title"] or "", found["text"])
            for found in FENCE.finditer(self.source)
        ]

    @property
    def templates(self) -> list[Block]:
        """Return its blocks that are Butane templates."""
        return [block for block in self.blocks if block.title.endswith(".bu")]

    @property
    def links(self) -> list[str]:
        """Return the targets of its links."""
        return [found["target"] for found in LINK.finditer(CODE.sub("", self.prose))]

    @property
    def anchors(self) -> set[str]:
        """Return the anchors of its headings, as MkDocs and GitHub both make them."""
        return {anchor(found["text"]) for found in HEADING.finditer(self.prose)}


def anchor(heading: str) -> str:
    """Return the anchor of a heading."""
    words = re.sub(r"[^\w\s-]", "", heading).strip().lower()
    return re.sub(r"[-\s]+", "-", words)


def every_page() -> list[Path]:
    """Return the paths of all pages, relative to the repository."""
    loose = (path for pattern in LOOSE for path in ROOT.glob(pattern))
    return sorted(path.relative_to(ROOT) for path in (*loose, *(ROOT / "docs").rglob("*.md")))


@pytest.fixture(params=every_page(), ids=str)
def page(request: pytest.FixtureRequest) -> Page:
    """Return each page."""
    return Page(ROOT / request.param)


def of_a_project(path: Path) -> bool:
    """Tell whether a page shows the Butane templates of a project's hosts."""
    return any(block.title.startswith("hosts/") for block in Page(ROOT / path).templates)


@pytest.fixture(params=[path for path in every_page() if of_a_project(path)], ids=str)
def project_page(request: pytest.FixtureRequest) -> Page:
    """Return each page that shows the Butane templates of a project."""
    return Page(ROOT / request.param)


@pytest.fixture(params=TERMINALS)
def terminal_page(request: pytest.FixtureRequest) -> Page:
    """Return each page that shows what one sees of a call."""
    return Page(ROOT / "docs/guides" / request.param)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def guides() -> str:
    """Return the text of all guides."""
    return "\n".join(path.read_text() for path in sorted((ROOT / "docs/guides").glob("*.md")))
