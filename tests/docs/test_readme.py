"""The READMEs: task files, links, and that the Chinese one has what the English one has.

``test_wheel.py`` runs their commands and their Python.
"""

from __future__ import annotations

import re
import runpy
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from goldilocks import plugins

ROOT = Path(__file__).parents[2]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_task_files_are_read(readme: Path, tmp_path: Path) -> None:
    from goldilocks.settings import read_task

    for number, text in enumerate(blocks(readme, "yaml")):
        (tmp_path / f"{number}.yaml").write_text(text)
        assert read_task(tmp_path / f"{number}.yaml").name


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_links_lead_somewhere(readme: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", readme.read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target


def test_links_of_the_description_on_the_package_index_are_absolute() -> None:
    made = runpy.run_path(str(ROOT / "setup.py"))["absolute_links"](
        "(a) [x](docs/x.md#y) [z](docs/z/) [w](#w)", "https://h/r"
    )
    assert made == "(a) [x](https://h/r/blob/main/docs/x.md#y) [z](https://h/r/tree/main/docs/z) [w](#w)"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["dynamic"] == ["readme"]
    text = runpy.run_path(str(ROOT / "setup.py"))["absolute_links"](
        READMES[0].read_text(encoding="utf-8"), project["urls"]["Source"]
    )
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert len(targets) > 20
    assert [target for target in targets if not re.match(r"https://|#", target)] == []


def test_two_commands_of_the_readme_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for name in ("demo", "test"):
        assert f"make {name}" in READMES[0].read_text()
        assert re.search(rf"^{name}:", makefile, flags=re.MULTILINE)


def test_the_chinese_readme_has_the_sections_and_blocks_of_the_english_one() -> None:
    english, chinese = (path.read_text(encoding="utf-8") for path in READMES)

    assert len(re.findall(r"^## ", chinese, flags=re.MULTILINE)) == len(
        re.findall(r"^## ", english, flags=re.MULTILINE)
    )
    for language in ("sh", "python"):
        assert blocks(READMES[1], language) == blocks(READMES[0], language)
    assert len(re.findall(r"^\|", chinese, flags=re.MULTILINE)) == len(re.findall(r"^\|", english, flags=re.MULTILINE))


def test_outputs_in_the_chinese_readme_are_those_of_the_english_one_in_chinese() -> None:
    english, chinese = (blocks(path, "text") for path in READMES)

    assert len(chinese) == len(english)
    for shown, translated in zip(english, chinese, strict=True):
        for pattern in (r"\d[\d.,]*\d|\d", r"[\w-]+/[\w.-]+/\w+"):  # numbers, candidates
            assert Counter(re.findall(pattern, translated, re.ASCII)) == Counter(re.findall(pattern, shown, re.ASCII))
        assert shown == translated or not re.search(r"\b(?:[A-Za-z][a-z]+ ){3}", translated)


def test_the_chinese_readme_names_what_the_english_one_names() -> None:
    english, chinese = (re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL) for path in READMES)
    translated = {"J = cost + α · loss", "goldilocks tune --from run CANDIDATE"}
    for pattern, excepted in ((r"`([^`]+)`", translated), (r"\]\(([^)]+)\)", {"README.zh-CN.md"})):
        named, there = ({name.replace("\n", " ") for name in re.findall(pattern, text)} for text in (english, chinese))
        assert named - there == excepted


def test_number_of_training_methods_is_right() -> None:
    without = {"cosine", "zero_shot", "in_context"}  # see docs/methods.md: none of the three trains
    assert len(set(plugins.names("methods")) - without) == 20
    assert "Twenty training methods" in READMES[0].read_text(encoding="utf-8")
    assert "二十种训练方法" in READMES[1].read_text(encoding="utf-8")


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_outputs_fit_80_columns(readme: Path) -> None:
    wide = [line for block in blocks(readme, "text") for line in block.splitlines() if len(line) > 80]

    assert wide == []
