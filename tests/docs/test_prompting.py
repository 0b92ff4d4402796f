"""docs/prompting.md: the task file on the page is one, and the flags are there."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from typer.main import get_command

from goldilocks.catalog.options import check_options
from goldilocks.cli.main import app
from goldilocks.settings import task_from

PAGE = (Path(__file__).parents[2] / "docs" / "prompting.md").read_text(encoding="utf-8")


def test_task_file_on_the_page_is_read() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    spec = task_from(yaml.safe_load(block))
    check_options(spec.options)

    assert spec.generation.stops == ("\n",)


def test_flags_on_the_page_are_those_of_the_commands() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    flags = {flag for name in ("predict", "evaluate") for param in commands[name].params for flag in param.opts}

    assert set(re.findall(r"--[a-z][a-z-]*", PAGE)) <= flags
