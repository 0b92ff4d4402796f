"""The documentation site has every page, and its links lead somewhere. (``make docs`` builds it, strictly.)"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


def leaves(entries: list[Any]) -> Iterator[str]:
    """Pages of the navigation."""
    for entry in entries:
        value = next(iter(entry.values())) if isinstance(entry, dict) else entry
        yield from leaves(value) if isinstance(value, list) else [value]


def test_navigation_has_every_page_once() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(leaves(config["nav"])) == sorted(str(page.relative_to(DOCS)) for page in PAGES)


def test_where_to_find_it_names_files_that_exist() -> None:
    table = (DOCS / "design.md").read_text(encoding="utf-8").partition("**Where to find it**")[2].split("\n\n")[1]
    paths = re.findall(r"`([\w/]+(?:\.py|/))`", table)
    assert len(paths) > 20
    for path in paths:
        assert (ROOT / "src" / "goldilocks" / path).exists(), path


def test_overview_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\(([^)#:]+)", (DOCS / "index.md").read_text(encoding="utf-8")))
    assert {page.name for page in DOCS.glob("*.md")} - {"index.md"} <= linked


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_links_stay_on_the_site(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\((?![a-z]+:)([^)#]+)", text):
        file = (page.parent / target).resolve()
        assert file.is_file(), target
        assert DOCS in file.parents, f"{target} is not part of the site; use its address"


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md", ROOT / "README.zh-CN.md"], ids=lambda path: path.name)
def test_anchors_are_headings(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target, anchor in re.findall(r"\]\((?![a-z]+:)([^)#]*)#([^)]+)\)", text):
        other = (page.parent / target if target else page).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", other, flags=re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
        slugs |= set(re.findall(r'<a id="([^"]+)">', other))
        assert anchor in slugs, f"{target}#{anchor}"
