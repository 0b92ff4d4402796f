"""Removal of paths of this machine from reports and model cards."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

_REST = r"(?:/[^\s\"'<>&;:,()]*)?"


def without_own_paths(text: str, folders: Iterable[Path] = ()) -> str:
    """The text with every path below a folder of this machine cut to its last part.

    Args:
        text: For instance a page.
        folders: Further ones, in addition to the home folder, the working folder, Python's and the temporary one.
    """
    own = {*folders, Path.home(), Path.cwd(), Path(sys.prefix), Path(sys.base_prefix), Path(tempfile.gettempdir())}
    roots = {
        str(form) for statement in own for form in (statement.absolute(), statement.resolve()) if len(form.parts) > 1
    }
    for root in sorted(roots, key=len, reverse=True):
        text = re.sub(rf"(?<![\w./-]){re.escape(root)}(?![\w-]|\.\w){_REST}", _last_part, text)
    return text


def _last_part(match: re.Match[str]) -> str:
    return Path(match[0].rstrip(".")).name + "." * (len(match[0]) - len(match[0].rstrip(".")))
