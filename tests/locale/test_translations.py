"""Translations: complete, in step with the sources, and used by the whole path of a run."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from catalogue import collected, compiled, names, po_files, read

from goldilocks.cli.main import app
from goldilocks.errors import GoldilocksError, InputError
from goldilocks.support.text.translation import (
    chosen_language,
    in_language,
    keep_paths,
    language,
    languages,
    localised,
    ngettext,
    placeholders,
    use_language,
)

CATALOGUES = po_files()
ENGLISH = re.compile(r"(?<![\w/`.*-])(?:[A-Za-z]?[a-z]+,? ){2,}[a-z]{2,}(?![\w/`=_-])")
"""Three words in a row: no name of ours has them."""


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    use_language("en")


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_compiled_catalogue_is_that_of_the_text(path: Path) -> None:
    assert path.with_suffix(".mo").read_bytes() == compiled(read(path)), "run tests/locale/catalogue.py"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_every_message_is_translated(path: Path) -> None:
    catalog = read(path)
    missing = []
    for message, where in collected().items():
        entry = catalog.get(message.key) or catalog.get(message.singular)
        if entry is None or not entry.string or not any(entry.string):
            missing.append(f"{where}: {message.singular}")
    assert not missing, "run tests/locale/catalogue.py, then translate in the .po file and run it again"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_translations_use_the_placeholders_of_their_message(path: Path) -> None:
    for entry in read(path):
        source = entry.id if isinstance(entry.id, str) else entry.id[-1]
        for text in (entry.string,) if isinstance(entry.string, str) else entry.string or ():
            assert set(placeholders(text)) <= set(placeholders(source)), source
            assert "fuzzy" not in entry.flags or not source, source


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_names_are_not_translated(path: Path) -> None:
    catalog = read(path)
    entries = [(catalog.get(message), number) for message, number in names()]
    assert len(entries) > 20
    wrong = [entry.id for entry, number in entries if entry is not None and f"{{{number}}}" in str(entry.string)]
    assert not wrong, "write {0!s} for the names"


@pytest.mark.parametrize(
    ("option", "environment", "expected"),
    [
        ("zh", {}, "zh"),
        ("zh-CN", {"LANG": "en_US.UTF-8"}, "zh"),
        ("en", {"LANG": "zh_CN.UTF-8"}, "en"),
        (None, {"LANG": "zh_CN.UTF-8"}, "zh"),
        (None, {"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        (None, {"LANGUAGE": "zh_CN:en", "LANG": "de_DE.UTF-8"}, "zh"),
        (None, {"LANG": "zh_TW.UTF-8"}, "en"),  # traditional characters have no catalogue
        (None, {}, "en"),
    ],
)
def test_language_is_that_of_the_option_or_the_environment(
    option: str | None, environment: dict[str, str], expected: str
) -> None:
    assert chosen_language(option, environment) == expected


def test_language_without_a_catalogue_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="--lang de: there is no translation; there are: en, zh"):
        chosen_language("de", {})
    assert languages() == ("en", "zh")


def test_paths_are_not_translated_whatever_they_are_called() -> None:
    with in_language("zh"):
        assert localised("12.5 USD/mo: running costs and errors") != "12.5 USD/mo: running costs and errors"
        for path in ("run/bundle", "labels/x", "results/mo", "../data", "/run"):
            assert localised(f"bundle: {path}") == f"模型文件夹：{path}"
        keep_paths(["run", "labels", "data"])
        for path in ("run", "labels"):
            assert localised(f"bundle: {path}") == f"模型文件夹：{path}"
            assert localised(f"{path}: holds no run (task.yaml is not there); pass the folder of a run.").startswith(
                f"{path}："
            )
        keep_paths(())
        assert localised("labels") == "标签"


def test_folder_of_a_command_is_not_translated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GoldilocksError):
        app(["clean", "run", "--lang", "zh"], standalone_mode=False)
    assert localised("bundle: run") == "模型文件夹：run"
    assert localised("run/x: there is no such file; is run a finished run or bundle?").startswith("run/x：")
    keep_paths(())


def test_folder_that_a_task_file_names_is_not_translated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "task.yaml").write_text("data: {train: labels}\n")
    with pytest.raises(GoldilocksError):
        app(["check", "task.yaml", "--lang", "zh"], standalone_mode=False)
    assert localised("bundle: labels") == "模型文件夹：labels"
    keep_paths(())


def test_language_is_that_of_the_context() -> None:
    ended = "every remaining candidate has been trained to the end"
    with in_language("zh"):
        assert language() == "zh"
        assert localised(ended) == "所有剩余候选模型均已训练完成"
        assert localised("nothing is left to buy") == "已无可购买的训练"  # as runs of earlier versions have it
    assert language() == "en"
    assert localised(ended) == ended


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # A value that is a message, and one that is a duration.
        ("stopped at 30% of its run: the budget ended", "训练到 30% 时停止：预算已用完"),
        ("takes less than 3 s", "用时不到 3 秒"),
        # Several sentences, the first of which has a decimal point.
        (
            "Use naive_bayes/word12/scratch: macro_f1 0.804 (0.669 to 0.905) on 51 validation texts, 0.197 USD per "
            "month to run. The winner has the lowest total cost J at any cost of an error.",
            "建议使用 naive_bayes/word12/scratch：在 51 个验证文本上 macro_f1 为 0.804（0.669 至 0.905），"
            "运行成本每月 0.197 USD。无论单次错误的代价是多少，胜出者的总成本 J 最低。",
        ),
        # No value swallows the sentence behind it.
        (
            "The probability that the winner is the best of all candidates is 50%. At 0.05 USD per error, a/b/c has a "
            "lower observed J; the difference is within the measurement error or the stated margin.",
            "胜出者在所有候选模型中最优的概率为 50%。"
            "按每次错误 0.05 USD 计，a/b/c 的观测 J 更低，但差异在测量误差或给定界限之内。",
        ),
        (
            "no candidate is better than the baseline (constant); pass --accept-baseline to exit with code 0.",
            "没有候选模型优于基线（常数答案）；加上 --accept-baseline 则退出码为 0。",
        ),
        # A list, and an addition to a message.
        (
            "Better than the baselines: 0.007 errors per request (a wrong label) against 0.170 by the answer of the "
            "most similar training row (p = 0.0005).",
            "优于基线：每次请求 0.007 个错误（标签错误），而最相似训练行的答案为 0.170（p = 0.0005）。",
        ),
        ("an error costs 0.05 USD; 200,000 requests per month", "一次错误的代价为 0.05 USD；每月 200,000 次请求"),
        ("always answering nothing; keep the incumbent", "总是不回答；保留现有方案"),
        # Behind the name of a file and a row.
        ("data.csv: row 3: body is empty", "data.csv：第 3 行：body 为空"),
        # Numbers of rows, and what would help.
        ("1 row with what looks like a phone number (row 195)", "1 行疑似含有电话号码（第 195 行）"),
        ("rows 8, 35, 76, 138, 172 and 20 more", "第 8、35、76、138、172 行，另有 20 行"),
        (
            "models: pip install x, or --online for models of the Hub such as encoder/y",
            "模型：pip install x，或用 --online 获取 Hub 上的模型，如 encoder/y",
        ),
        (
            "never run: 14 candidates do not fit into the remaining budget; about 2 s more would finish the next",
            "从未运行：14 个候选模型超出剩余预算；再增加约 2 秒可完成下一个",
        ),
        # Names that are also words of the catalogue stay; the wording of earlier runs is known.
        (
            "The best so far is words (crf, scratch): f1 0.804 (0.669 to 0.905) on 51 validation texts, 0.197 USD per "
            "month to run. It has the lowest J for any cost of an error; below that words is better.",
            "目前最佳的是 words（crf，scratch）：在 51 个验证文本上 f1 为 0.804（0.669 至 0.905），"
            "运行成本每月 0.197 USD。在以下范围内它的 J 最低：在任何单次错误的代价下；低于此则 words 更好。",
        ),
        # A space where Chinese words meet a quotation.
        (
            "0.300 errors per request (a wrong token) against 0.400 by always the tag 'O'",
            "每次请求 0.300 个错误（一个标错的词），而总是标记 'O' 为 0.400",
        ),
        # A reason with a comma in brackets; a small limit.
        (
            "no candidate meets the limits; the nearest is ngram/words/scratch (latency_p95_ms: measured 0.018 ms, "
            "limit 0.000001 ms; 17,992.25 times over). Loosen that limit; for a search in the task file, then pass "
            "--resume.",
            "没有候选模型满足限制；最接近的是 ngram/words/scratch（latency_p95_ms：实测 0.018 ms，限制 0.000001 ms；"
            "为限值的 17,992.25 倍）。请放宽该限制；若是搜索，请在任务文件中修改后用 --resume 继续。",
        ),
        ("1 label of train without a row in validation: 'x'", "训练集中有 1 个标签在验证集中没有行：'x'"),
        ("2 tags with a single training word: 'x', 'y' (rows 1, 4)", "2 个标记只有一个训练词：'x', 'y'（第 1、4 行）"),
        # What is not in the catalogue stays, and so do names.
        ("encoder/all-MiniLM-L6-v2/full", "encoder/all-MiniLM-L6-v2/full"),
        ("something else, in words of its own", "something else, in words of its own"),
    ],
)
def test_composed_text_is_translated_part_by_part(text: str, shown: str) -> None:
    with in_language("zh"):
        assert localised(text) == shown


def test_counts_have_no_plural_in_chinese() -> None:
    with in_language("zh"):
        forms = [ngettext("{n} text", "{n} texts", n).format(n=n) for n in (1, 2)]
    assert forms == ["1 个文本", "2 个文本"]


def test_error_of_a_command_is_in_the_language_asked_for(tmp_path: Path) -> None:
    with pytest.raises(GoldilocksError) as caught:
        app(["check", str(tmp_path / "none.csv"), "--lang", "zh"], standalone_mode=False)
    assert "没有此文件" in localised(str(caught.value))


@pytest.fixture(scope="module")
def chinese_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a run with --lang zh on a tiny Chinese set, and what the command printed."""
    folder = tmp_path_factory.mktemp("chinese")
    praise, blame = ("很干净", "很好吃", "非常热情"), ("太脏了", "很难吃", "态度恶劣")
    # What does not matter makes up most of a text, so that the most similar training row is often of the other label.
    aside = (
        "第一次入住",
        "出差路过",
        "朋友推荐",
        "离车站近",
        "周末订的",
        "三楼朝南",
        "下雨天到",
        "带着孩子",
        "住了两晚",
        "网上下单",
    )
    drawn = random.Random(0)
    rows = [
        {"text": "，".join([*drawn.sample(aside, 5), drawn.choice(words)]), "label": label}
        for _ in range(120)
        for label, words in (("好评", praise), ("差评", blame))
    ]
    (folder / "评论.jsonl").write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    task = {
        "name": "酒店评论",
        "data": {"train": "评论.jsonl"},
        "candidates": {"families": ["majority", "naive_bayes"]},
        "budget": "120s",  # on a busy machine; it ends after a few seconds
    }
    (folder / "task.yaml").write_text(json.dumps(task, ensure_ascii=False), encoding="utf-8")
    printed: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("goldilocks.flow.token_counters", dict)
        patched.setattr("goldilocks.support.console.PlainConsole.print", _keep(printed))
        command = ["select", str(folder / "task.yaml"), "--out", str(folder / "run"), "--accept-baseline"]
        app([*command, "--lang", "zh"], standalone_mode=False)
    use_language("en")
    return folder / "run", "\n".join(printed)


def _keep(printed: list[str]) -> object:
    from io import StringIO

    from rich.console import Console

    def kept(self: object, *shown: object, **options: object) -> None:
        out = Console(file=StringIO(), width=400)
        out.print(*shown, markup=False)
        printed.append(out.file.getvalue())  # type: ignore[attr-defined]

    return kept


def english(text: str) -> list[str]:
    return [match[0] for match in ENGLISH.finditer(text)]


def test_select_prints_no_english_sentence(chinese_run: tuple[Path, str]) -> None:
    run, printed = chinese_run
    shown = printed.replace(str(run), "RUN")

    assert "候选模型竞赛" in shown  # progress
    assert "建议使用" in shown  # the sentence
    assert "胜出者" in shown  # the leaderboard
    assert "停止原因" in shown  # why the race stopped
    assert english(shown) == []


def test_report_and_card_of_the_run_are_in_chinese(chinese_run: tuple[Path, str]) -> None:
    run, _ = chinese_run
    page = (run / "report.html").read_text(encoding="utf-8")
    text = re.sub(r"<(style|script|pre|code)\b.*?</\1>", " ", page, flags=re.DOTALL)
    text = re.sub(r"\s(?:aria-label|title)=", ">", text)
    text = re.sub(r"<[^>]*>", "\n", text)

    assert '<html lang="zh">' in page
    assert "它会在哪里出错" in page or "没有出错" in page
    assert english(text) == []
    card = (run / "bundle" / "README.md").read_text(encoding="utf-8").split("\n---\n", 1)[1]
    card = re.sub(r"```.*?```|`[^`]*`", " ", card, flags=re.DOTALL)
    assert "## 预期用途" in card
    assert english(card) == []


def test_records_of_the_run_stay_english_and_can_be_reported_in_either_language(
    chinese_run: tuple[Path, str],
) -> None:
    run, _ = chinese_run
    decision = json.loads((run / "decision.json").read_text(encoding="utf-8"))
    assert "Use " in decision["sentence"]

    app(["report", str(run), "--lang", "en"], standalone_mode=False)

    assert "What to do next" in (run / "report.html").read_text(encoding="utf-8")
