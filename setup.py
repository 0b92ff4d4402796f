"""The description on the package index: the README with its relative links made absolute; the rest is pyproject.toml.

On the index relative links lead nowhere. They become links into the repository that ``[project.urls]`` names.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent


def absolute_links(text: str, repository: str) -> str:
    """Markdown whose relative links lead into the main branch of a repository on GitHub."""

    def link(match: re.Match[str]) -> str:
        target = match[1]
        if re.match(r"[a-z]+:|#|/", target):
            return match[0]
        kind = "tree" if target.partition("#")[0].endswith("/") else "blob"
        return f"]({repository}/{kind}/main/{target.rstrip('/')})"

    return re.sub(r"\]\(([^)\s]+)\)", link, text)


if __name__ == "__main__":
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    setup(
        long_description=absolute_links((ROOT / "README.md").read_text(encoding="utf-8"), project["urls"]["Source"]),
        long_description_content_type="text/markdown",
    )
