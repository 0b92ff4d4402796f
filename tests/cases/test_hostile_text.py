"""Labels and messages that would rule a terminal, a table, the report or the model card."""

from __future__ import annotations

import inspect
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from goldilocks.bundle import card as bundle_card
from goldilocks.cli import main
from goldilocks.cli.tables import classification_report, evaluation_tables, findings_list, profile_tables
from goldilocks.evaluation.stored import read_stored, to_stored
from goldilocks.records import ClassRow, DataProfile, Evaluation, Finding, Measured, Severity
from goldilocks.support.console import PlainConsole, plain
from goldilocks.support.control_characters import json_visible, visible

LABELS = (
    "[/b]",
    "[spam]",
    "[bold red]x[/]",
    ":smile:",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;owned\x07t",
    "\u202egnp.exe",
    "a\x9b1mb",
)
SCORE = Measured(0.5, 0.4, 0.6, 9, "score")


def evaluation(labels: tuple[str, ...] = LABELS) -> Evaluation:
    n = len(labels)
    counts = tuple(tuple(int(i == j) + (i == 0 and j == 1) for j in range(n)) for i in range(n))
    rows = tuple(ClassRow(label, 0.5, 0.5, 0.5, 1) for label in labels)
    return Evaluation("accuracy", SCORE, {"accuracy": SCORE}, rows, labels, counts, (), (), "test", "f")


def printed(*things: object) -> str:
    out = io.StringIO()
    console = PlainConsole(file=out, width=200)
    for thing in things:
        console.print(thing)
    return out.getvalue()


def test_labels_that_look_like_markup_are_shown_as_they_are() -> None:
    shown = printed(*evaluation_tables(evaluation()), classification_report(evaluation()))
    for label in LABELS[:4]:
        assert label in shown


def test_nothing_shown_carries_characters_that_rule_a_terminal() -> None:
    profile = DataProfile(
        rows={"train": 3},
        label_counts={"train": dict.fromkeys(LABELS, 1)},
        characters={"p50": 1, "p95": 1, "max": 1},
        tokens={LABELS[4]: {"p50": 1, "p95": 1, "max": 1}},
        languages={"en": 1.0},
        language="en",
    )
    finding = Finding("x", Severity.WARNING, LABELS[5], LABELS[6], "train", 1)
    shown = printed(
        *profile_tables(profile), findings_list([finding]), plain(LABELS[4]), *evaluation_tables(evaluation())
    )
    assert "red" in shown
    assert "gnp.exe" in shown
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    assert "owned" not in shown


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\image", "image"),
        ("a\u2067b\u2069c\u200fd", "abcd"),
        ("cr\rover", "crover"),
        ("zero\x00\x7f\x85", "zero"),
        ("line\n\ttab", "line\n\ttab"),
        ("नमस्ते \u200dé 日本", "नमस्ते \u200dé 日本"),
        ("cut \x1b[31", "cut "),
    ],
)
def test_control_characters_are_taken_out_and_letters_stay(text: str, want: str) -> None:
    assert visible(text) == want


def test_json_keeps_its_values_and_shows_no_control_character() -> None:
    text = json.dumps("a\u202eb\x9bc\x1bd", ensure_ascii=False)
    assert json.loads(json_visible(text)) == "a\u202eb\x9bc\x1bd"
    assert json_visible(text).isascii()


def test_error_message_is_one_line_without_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main._failed("no \x1b[2Jfile\n named \u202e'[/b]'", 2) == 2
    assert capsys.readouterr().err == "error: no file named '[/b]'\n"


def test_help_loses_no_word_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(main.app, ["demo", "--help"])
    assert "goldilocks-lm[demo]" in result.output
    for command in main.app.registered_commands:
        assert command.callback
        for option in inspect.signature(command.callback, eval_str=True).parameters.values():
            for info in getattr(option.annotation, "__metadata__", ()):
                assert not re.search(r"\[[a-z/]", info.help or ""), option.name


def test_card_has_neither_escapes_nor_broken_code_spans() -> None:
    assert bundle_card._in_code("a`b\nc") == "a'b c"


def test_evaluation_of_many_labels_is_small_and_reads_back_as_it_was(tmp_path: Path) -> None:
    many = evaluation(tuple(f"label {i}" for i in range(600)))
    text = to_stored(many)
    # 600 x 600 zeros would be 720 kB at the least.
    assert len(text) < 150_000
    (tmp_path / "evaluation.json").write_text(text, encoding="utf-8")
    assert read_stored(tmp_path / "evaluation.json") == many


def test_evaluation_with_the_whole_matrix_still_loads(tmp_path: Path) -> None:
    from goldilocks.support.files import to_json

    three = evaluation(("a", "b", "c"))
    (tmp_path / "evaluation.json").write_text(to_json(three), encoding="utf-8")
    assert read_stored(tmp_path / "evaluation.json") == three


@pytest.mark.parametrize("counts", [[[5, 0, 1]], [[-1, 0, 1]], [["a", 0, 1]], [[0]], 3])
def test_damaged_counts_are_reported_in_one_line(tmp_path: Path, counts: object) -> None:
    from goldilocks.errors import IntegrityError

    content = json.loads(to_stored(evaluation(("a", "b"))))
    content["confusion"] = {"counts": counts}
    (tmp_path / "evaluation.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(IntegrityError, match=r"evaluation.json: damaged"):
        read_stored(tmp_path / "evaluation.json")


def test_reader_that_leaves_early_is_no_error() -> None:
    # The reader is gone before the first line; the command ends with 0 and says nothing.
    code = (
        "import sys\nfrom goldilocks.cli import main\n"
        "def lines():\n    for i in range(100000): print(i)\n"
        "main.command(main.app, 'lines')(lines)\nsys.argv = ['goldilocks', 'lines']\nmain.run()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (0, "")
