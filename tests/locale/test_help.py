"""Help and mistakes in the language of the user: every command, every option, in either place of ``--lang``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from catalogue import help_texts
from typer.main import get_command
from typer.testing import CliRunner

from goldilocks.cli.command_line import command, command_group, mistake
from goldilocks.cli.main import app, run
from goldilocks.errors import InputError
from goldilocks.support.text.translation import in_language, language, use_language

ENGLISH = re.compile(r"(?<![\w/`.:=*-])(?:[A-Za-z]?[a-z]+,? ){2,}[a-z]{2,}(?![\w/`=_-])")
"""Three words in a row. What options, examples and formats are called has no such row outside code."""


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    use_language("en")


def _commands(of: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, sub in getattr(of, "commands", {}).items():
        yield from _commands(sub, (*path, name))


COMMANDS = list(_commands(get_command(app)))


def _shown(*line: str, of: typer.Typer = app) -> str:
    result = CliRunner().invoke(of, list(line))
    assert result.exit_code == 0, result.output
    return result.output


def _flat(text: str) -> str:
    """Without borders and line ends."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


def _sentences(text: str) -> list[str]:
    """English sentences of a page beside usage, examples and code."""
    before, _examples, _rest = text.partition("\n 示例：")
    tables = text[text.index("╭") :]
    prose = before[before.index("\n", before.index("用法")) : before.find("╭")]
    return [match[0] for match in ENGLISH.finditer(re.sub(r"`[^`]*`", "", _flat(f"{prose} {tables}")))]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_is_in_chinese_without_an_english_sentence(path: tuple[str, ...]) -> None:
    page = _shown("--lang", "zh", *path, "--help")

    assert "用法：" in page
    assert "显示此帮助并退出。" in page
    assert not re.search(r"Usage|Options|Arguments|Commands|\[default|\[required|\[env var", page)
    assert _sentences(page) == []


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_options_have_their_order_and_names_in_both_languages(path: tuple[str, ...]) -> None:
    pages = [_shown("--lang", code, *path, "--help") for code in ("en", "zh")]
    options = [re.findall(r"(?m)^│ (--[a-z-]+)", page) for page in pages]

    assert options[0] == options[1]
    assert options[0][-1] == "--help"
    of: Any = get_command(app)
    for name in path:
        of = of.commands[name]
    stated = [param.opts[0] for param in of.params if param.param_type_name == "option"]
    assert options[0][:-1] == stated


def test_an_option_without_a_translation_is_found() -> None:
    """What the two tests above and the completeness of the catalogue rest on."""
    group = command_group("A group of commands.")

    @command(group)
    def added(new: Annotated[str, typer.Option(help="An option that nobody has translated yet.")] = "") -> None:
        """Do something that nobody has translated yet."""

    @command(group)
    def other() -> None:
        """Something."""

    page = _shown("--lang", "zh", "added", "--help", of=group)
    assert len(_sentences(page)) == 2
    texts = {text for text, _where in help_texts()}
    assert {"Number of epochs.", "Show this message and exit.", "Name or id of the key."} <= texts


@pytest.mark.parametrize(
    "line",
    [
        ("--lang", "zh", "select", "--help"),
        ("select", "--lang", "zh", "--help"),
        ("select", "--help", "--lang", "zh"),
        ("select", "--help", "--lang=zh-CN"),
        ("--lang", "en", "select", "--help", "--lang", "zh"),
    ],
)
def test_language_is_asked_for_anywhere_in_the_line(line: tuple[str, ...]) -> None:
    assert "为任务选择并微调最合适的模型" in _flat(_shown(*line))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_page_has_an_example(path: tuple[str, ...]) -> None:
    assert f"Example: goldilocks {' '.join(path)}".strip() in _flat(_shown(*path, "--help"))


def test_ranges_of_numbers_are_in_the_help() -> None:
    page = _flat(_shown("pretrain", "--help"))
    for option, limit in (("vocabulary", "x>=16"), ("length", "x>=8"), ("batch-rows", "x>=1"), ("steps", "x>=0")):
        assert re.search(rf"--{option} <int range> [^<]*\[{limit}\]", page), option


@pytest.mark.parametrize("line", [("--lang", "--help"), ("check", "--lang", "--help"), ("check", "--lang=--json")])
def test_an_option_is_not_taken_for_a_language(line: tuple[str, ...]) -> None:
    with pytest.raises(
        InputError, match=f"--lang is followed by {line[-1].removeprefix('--lang=')}, not by a language"
    ):
        app(list(line), standalone_mode=False)


def test_a_value_behind_two_dashes_is_no_option() -> None:
    CliRunner().invoke(app, ["check", "--", "--lang", "zh"])
    assert language() == "en"


def test_no_word_of_a_wide_text_is_cut_off() -> None:
    page = re.sub(r"\s", "", _flat(_shown("--lang", "zh", "select", "--help")))
    assert "…" not in page
    assert "恶意程序可以绕过。" in page
    for line in _shown("--lang", "zh", "select", "--help").splitlines():
        assert not re.match(r"[│ ]*[，。；：）]", line), line


def test_examples_stay_as_they_are() -> None:
    assert "示例：goldilocks keys add shop --model tickets --days 365 --rate 600" in _shown(
        "--lang", "zh", "keys", "add", "--help"
    )


def _goldilocks(*line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("LANGUAGE", "LC_ALL", "LC_MESSAGES")}
    return subprocess.run(
        [sys.executable, "-m", "goldilocks", *line],
        env=kept | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_help_follows_the_environment() -> None:
    done = _goldilocks("keys", "--help", LANG="zh_CN.UTF-8")
    assert done.returncode == 0
    assert "创建、列出和吊销服务的 API 密钥。" in done.stdout


@pytest.mark.parametrize(
    ("line", "english", "chinese"),
    [
        (["select"], "Missing argument 'task'.", "缺少参数 'task'。"),
        (["deploy", "x"], "Missing option '--to'.", "缺少选项 '--to'。"),
        (["sel"], "No such command 'sel'. Did you mean 'select'?", "没有命令 'sel'。您是否想写 'select'？"),
        (
            ["check", "--lng", "x"],
            "No such option: --lng (Possible options: --lang, --language)",
            "没有选项 --lng（可能的选项：--lang, --language）",
        ),
        (["check", "x", "--xyzzy"], "No such option: --xyzzy", "没有选项 --xyzzy"),
        (["check", "x", "y"], "Got unexpected extra argument(s) (y)", "多余的参数：y"),
        (["select", "x", "--seed"], "Option '--seed' requires an argument.", "选项 '--seed' 后须有一个值。"),
        (
            ["select", "x", "--seed", "q"],
            "Invalid value for '--seed': must be a valid integer, unable to parse string as an integer",
            "'--seed' 的值无效：须为整数，该字符串无法解析为整数",
        ),
        (
            ["select", "x", "--seed", "-1"],
            "Invalid value for '--seed': must be greater than or equal to 0",
            "'--seed' 的值无效：须大于或等于 0",
        ),
        (
            ["select", "x", "--preset", "slow"],
            "Invalid value for '--preset': 'slow' is not one of 'fast', 'balanced', 'thorough'.",
            "'--preset' 的值无效：'slow' 不是可选值之一：'fast', 'balanced', 'thorough'。",
        ),
    ],
)
def test_mistakes_in_a_command_line_are_in_the_language_asked_for(line: list[str], english: str, chinese: str) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011  (click's class, or that of Typer's copy of it)
        app(line, standalone_mode=False)
    assert mistake(caught.value).endswith(f"\nerror: {english}") or mistake(caught.value) == f"error: {english}"
    with in_language("zh"):
        shown = mistake(caught.value)
    assert shown.splitlines()[-1] == f"错误：{chinese}"
    assert "Usage" not in shown
    assert "for help" not in shown


@pytest.mark.parametrize(
    "line", [["--lang", "de", "--help"], ["select", "--lang=de"], ["keys", "list", "--lang", "de"]]
)
def test_an_unknown_language_is_one_clear_line(
    line: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["goldilocks", *line])
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(variable, raising=False)

    with pytest.raises(SystemExit) as ended:
        run()

    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: --lang de: there is no translation; there are: en, zh.\n"


@pytest.mark.parametrize(
    ("line", "out", "err"),
    [
        (["keys"], "Create, list and revoke", "\n"),
        (["keys", "--lang", "zh"], "", "错误：缺少命令。\n"),
    ],
)
def test_a_group_without_a_command_shows_its_help_once(
    line: list[str], out: str, err: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["goldilocks", *line])
    with pytest.raises(SystemExit):
        run()
    shown = capsys.readouterr()
    assert out in shown.out
    assert shown.err.endswith(err)
    assert "Error" not in shown.err


def test_all_experience_is_deleted_only_if_wanted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    declined = CliRunner().invoke(app, ["experience", "forget"], input="n\n")
    assert declined.exit_code == 0
    assert "Nothing was deleted." in declined.output

    unanswered = CliRunner().invoke(app, ["experience", "forget"])
    assert isinstance(unanswered.exception, InputError)
    assert "pass --yes to delete everything without being asked" in str(unanswered.exception)
