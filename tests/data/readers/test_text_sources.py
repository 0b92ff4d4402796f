from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.data.read import Reading, read
from goldilocks.errors import InputError, MissingError


def reading(folder: Path, source: str, task: str, fields: dict[str, str] | None = None) -> Reading:
    return read(source, fields or {}, plugins.load("tasks", task), folder)


def written(path: Path, *rows: object) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path.name


def test_parallel_files_are_rows_by_line(tmp_path: Path) -> None:
    (tmp_path / "t.en").write_text("A cat .\r\nA dog .\n", encoding="utf-8")
    with gzip.open(tmp_path / "t.de.gz", "wt", encoding="utf-8") as file:
        file.write("Eine Katze .\nEin Hund .\n")
    part = reading(tmp_path, "t.en+t.de.gz", "translation").part
    assert part.texts == ("A cat .", "A dog .")
    assert part.gold == ("Eine Katze .", "Ein Hund .")
    (tmp_path / "t.de").write_text("x\ny\n", encoding="utf-8")
    assert reading(tmp_path, "t.{en,de}", "translation").part.gold == ("x", "y")


def test_parallel_file_that_ends_in_the_middle_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.en").write_text("a\n" * 500, encoding="utf-8")
    (tmp_path / "t.de.gz").write_bytes(gzip.compress(b"".join(b"%d\n" % (k * 7919) for k in range(500)))[:-40])
    with pytest.raises(InputError, match=r"t\.de\.gz: .* ends in the middle; is it truncated"):
        reading(tmp_path, "t.en+t.de.gz", "translation")


def test_parallel_files_of_different_length_are_refused_with_both_counts(tmp_path: Path) -> None:
    (tmp_path / "t.en").write_text("a\nb\nc\n", encoding="utf-8")
    (tmp_path / "t.de").write_text("a\nb\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"t\.en has 3 lines and t\.de 2; line k of one must be"):
        reading(tmp_path, "t.{en,de}", "translation")
    with pytest.raises(MissingError, match=r"t\.fr"):
        reading(tmp_path, "t.{en,fr}", "translation")


def test_empty_line_of_a_parallel_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.en").write_text("a\nb\nc\n", encoding="utf-8")
    (tmp_path / "t.de").write_text("a\n\nc\n", encoding="utf-8")
    assert reading(tmp_path, "t.{en,de}", "translation").problems == {"target is empty": (2,)}


def test_parallel_files_are_not_for_tasks_with_other_columns(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="parallel files hold source and target; this task needs one file with prompt"):
        reading(tmp_path, "t.{en,de}", "generation")


def test_references_stand_behind_the_target_and_empty_ones_are_named(tmp_path: Path) -> None:
    row = {"source": "s", "target": "t"}
    name = written(
        tmp_path / "a.jsonl",
        row,
        row | {"references": ["r", "t"]},
        row | {"references": ["r", " "]},
        row | {"target": ""},
    )
    result = reading(tmp_path, name, "summarisation")
    assert result.part.gold == ("t", ("t", "r"))
    assert result.problems == {"reference 2 is empty": (3,), "target is empty": (4,)}


def test_references_in_a_table_are_json_lists(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text('source\ttarget\treferences\ns\tt\t["u", "v"]\ns\tt\tu\n', encoding="utf-8")
    result = reading(tmp_path, "a.tsv", "translation")
    assert result.part.gold == (("t", "u", "v"),)
    assert result.problems == {"references is a str, not a list of texts": (2,)}


def test_plain_text_is_read_by_paragraph_and_numbered_by_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" = Title = \n \n One line .\nAnother .\n\n\nLast .", encoding="utf-8")
    part = reading(tmp_path, "a.txt", "language_modelling").part
    assert part.texts == part.gold == ("= Title =", "One line .\nAnother .", "Last .")
    assert part.rows == (1, 3, 7)


def test_plain_text_without_empty_lines_is_read_by_line(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.txt.gz", "wt", encoding="utf-8") as file:
        file.write("一\n二\n三")
    assert reading(tmp_path, "a.txt.gz", "language_modelling").part.texts == ("一", "二", "三")


def test_endless_paragraph_becomes_several_rows(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x\n\n" + "word word word\n" * 4000, encoding="utf-8")
    part = reading(tmp_path, "a.txt", "language_modelling").part
    assert len(part) == 1 + 4
    assert "\n".join(map(str, part.texts[1:])) == ("word word word\n" * 4000).strip()


def test_plain_text_gives_prompts_and_how_they_went_on(tmp_path: Path) -> None:
    paragraph = " ".join(f"w{i}" for i in range(25))
    (tmp_path / "a.txt").write_text(f"too short\n\n{paragraph}\n", encoding="utf-8")
    part = reading(tmp_path, "a.txt", "generation").part
    assert part.texts == ("w0 w1 w2 w3 w4 w5 w6 w7 w8 w9",)
    assert f"{part.texts[0]}{part.gold[0]}" == paragraph


def test_plain_text_is_not_for_tasks_with_columns(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="plain text holds no columns, and this task needs text, label"):
        reading(tmp_path, "a.txt", "text_classification")


def test_dialogue_is_taken_apart_at_the_turns_of_the_system(tmp_path: Path) -> None:
    turns = [
        {"role": role, "text": text}
        for role, text in (("usr", "hi"), ("sys", "hello"), ("usr", "bye"), ("sys", "ciao"))
    ]
    name = written(tmp_path / "a.jsonl", {"turns": turns}, {"turns": ["a", "b", "c"]})
    part = reading(tmp_path, name, "dialogue").part
    assert part.texts == (("hi",), ("hi", "hello", "bye"), ("a",), ("a", "b"))
    assert part.gold == ("hello", "ciao", "b", "c")
    assert part.rows == (1, 1, 2, 2)


def test_dialogues_that_are_none_are_named(tmp_path: Path) -> None:
    name = written(tmp_path / "a.jsonl", {"turns": ["a", "b"]}, {"turns": ["a"]}, {"turns": ["a", {"text": ""}]})
    problems = reading(tmp_path, name, "dialogue").problems
    assert problems == {"1 turns; a dialogue has at least 2": (2,), "turn 2 is empty": (3,)}


@pytest.mark.parametrize(("who", "text", "user"), [("role", "content", "user"), ("from", "value", "human")])
def test_chat_messages_are_turns_and_the_system_beside_an_assistant_does_not_reply(
    tmp_path: Path, who: str, text: str, user: str
) -> None:
    turns = [(user, "hi"), ("system", "be kind"), ("assistant", "hello"), (user, "bye"), ("assistant", "good bye")]
    messages = [{who: speaker, text: words} for speaker, words in turns]
    name = written(tmp_path / "a.jsonl", {"messages": messages}, {"messages": [*messages, {who: user}]})
    result = reading(tmp_path, name, "dialogue", {"turns": "messages"})
    assert result.part.gold == ("hello", "good bye")
    assert result.part.texts == (("hi", "be kind"), ("hi", "be kind", "hello", "bye"))
    assert result.problems == {"turn 6 is a dict, not text": (2,)}


def test_a_context_may_be_chat_messages(tmp_path: Path) -> None:
    row = {"context": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes?"}], "reply": "no"}
    assert reading(tmp_path, written(tmp_path / "a.jsonl", row), "dialogue").part.texts == (("hi", "yes?"),)


def test_context_and_reply_need_no_turns(tmp_path: Path) -> None:
    name = written(
        tmp_path / "a.jsonl",
        {"context": ["a", "b"], "reply": "c"},
        {"context": "d", "reply": "e"},
        {"context": [], "reply": "e"},
    )
    result = reading(tmp_path, name, "dialogue")
    assert result.part.texts == (("a", "b"), ("d",))
    assert result.problems == {"context is empty": (3,)}


def test_a_reply_beside_the_turns_is_the_one_that_follows_them(tmp_path: Path) -> None:
    name = written(
        tmp_path / "a.jsonl",
        {"turns": ["a", "b", "c"], "reply": "d"},
        {"turns": ["a", "b"], "reply": "b"},
        {"turns": ["a"], "reply": "b"},
        {"turns": ["b"], "reply": "b"},
    )
    result = reading(tmp_path, name, "dialogue")
    assert result.part.texts == (("a", "b", "c"), ("a",), ("a",))
    assert result.part.gold == ("d", "b", "b")
    assert result.problems == {"1 turns; a dialogue has at least 2": (4,)}


def test_candidates_are_drawn_once_and_hold_the_reply_at_any_place(tmp_path: Path) -> None:
    name = written(tmp_path / "a.jsonl", *({"context": f"q{i}", "reply": f"r{i}"} for i in range(30)))
    part = reading(tmp_path, name, "dialogue_retrieval").part
    assert part == reading(tmp_path, name, "dialogue_retrieval").part
    places = set()
    for number, (item, gold) in enumerate(zip(part.texts, part.gold, strict=True)):
        assert isinstance(gold, tuple)
        assert len(item) == 11
        assert len(set(item)) == 11
        assert sum(map(float, gold)) == 1  # type: ignore[arg-type]
        assert item[1 + gold.index(1.0)] == f"r{number}"
        places.add(gold.index(1.0))
    assert len(places) > 5


def test_candidates_that_cannot_be_drawn_are_reported(tmp_path: Path) -> None:
    name = written(tmp_path / "a.jsonl", *({"context": f"q{i}", "reply": "yes"} for i in range(3)))
    assert reading(tmp_path, name, "dialogue_retrieval").problems == {
        "no candidates, and no other reply in the file that could be one; give candidates": (1, 2, 3)
    }


def test_given_candidates_are_kept_and_must_hold_the_reply(tmp_path: Path) -> None:
    row = {"context": "q", "reply": "r"}
    name = written(tmp_path / "a.jsonl", row | {"candidates": ["x", "r"]}, row | {"candidates": ["x", "y"]})
    result = reading(tmp_path, name, "dialogue_retrieval")
    assert (result.part.texts, result.part.gold) == ((("q", "x", "r"),), ((0.0, 1.0),))
    assert result.problems == {"the reply is not among the candidates": (2,)}


def test_likelihood_of_a_text_after_its_context(tmp_path: Path) -> None:
    name = written(tmp_path / "a.jsonl", {"text": "t", "context": ["a", "b"]}, {"text": "t"}, {"text": ""})
    result = reading(tmp_path, name, "language_modelling")
    assert result.part.texts == (("a", "b", "t"), "t")
    assert result.part.gold == ("t", "t")
    assert result.problems == {"text is empty": (3,)}
