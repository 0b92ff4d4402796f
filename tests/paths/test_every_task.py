"""The whole path for every task on tiny rows of its own: check, select, predict, evaluate, verify, report.

A new task gets its rows in ``EXAMPLES``; until then ``test_whole_path`` fails for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from goldilocks import load, plugins
from goldilocks.answers import as_fields
from goldilocks.bundle.verify import verify
from goldilocks.cli.check import check
from goldilocks.cli.evaluate import evaluate
from goldilocks.cli.predict import predict
from goldilocks.cli.report import report
from goldilocks.cli.select import select
from goldilocks.errors import InputError
from goldilocks.testing import tiny

CHEAP = ("bm25", "crf", "naive_bayes", "ngram", "overlap")
"""A family for each kind of answer that is fitted in about a second; the others have tests of their own."""

Row = dict[str, Any]
TEXTS = [(str(text), str(label)) for text, label in zip(tiny.part().texts, tiny.part().gold, strict=True)]
TOPICS = {"food": "soup bread", "money": "bank loan", "sport": "match goal"}


def halves(text: str) -> tuple[str, str]:
    words = text.split()
    return " ".join(words[:3]), " ".join(words[3:])


def relation(text: str, label: str) -> Row:
    first, second = text.split()[0], text.split()[-1]
    return {
        "text": text,
        "e1": [0, len(first)],
        "e2": [len(text) - len(second), len(text)],
        "label": f"{label}(e1,e2)",
    }


def marked(row: Row) -> str:
    (_, first), (second, _) = row["e1"], row["e2"]
    text = row["text"]
    return f"<e1>{text[:first]}</e1>{text[first:second]}<e2>{text[second:]}</e2>"


def program(text: str, label: str) -> Row:
    name = f"f_{text.replace(' ', '_')}"
    tests = [f"assert {name}() == {label!r}"] if label == "food" else None  # a sandbox for each takes its time
    return {"prompt": f"Return {label} by {name}.", "solution": f"def {name}():\n    return {label!r}", "tests": tests}


EXAMPLES: dict[str, tuple[Callable[[str, str], Row], Callable[[Row], str] | None]] = {
    # Task -> a row made of a text and its topic, and the row as a line of text where a line can hold it.
    "code_generation": (program, None),
    "dialogue": (
        lambda text, label: {"context": list(halves(text)), "reply": TOPICS[label]},
        lambda row: "\t".join(row["context"]),
    ),
    "dialogue_retrieval": (
        lambda text, label: {"context": text, "reply": TOPICS[label], "candidates": list(TOPICS.values())},
        lambda row: "\t".join((row["context"], *row["candidates"])),
    ),
    "extractive_qa": (
        lambda text, label: {
            "question": "which word is first",
            "context": text,
            "answers": [{"text": text.split()[0], "answer_start": 0}],
        },
        lambda row: f"{row['question']}\t{row['context']}",
    ),
    "generation": (
        lambda text, label: {"prompt": halves(text)[0], "target": halves(text)[1]},
        lambda row: row["prompt"],
    ),
    "language_modelling": (lambda text, label: {"context": [label, halves(text)[0]], "text": halves(text)[1]}, None),
    "matching": (
        lambda text, label: {
            "query": text,
            "candidates": list(TOPICS.values()),
            "relevance": [float(topic == label) for topic in TOPICS],
        },
        lambda row: "\t".join((row["query"], *row["candidates"])),
    ),
    "multi_label_classification": (
        lambda text, label: {"text": text, "labels": [label] + ["today"] * ("today" in text)},
        lambda row: row["text"],
    ),
    "ner": (
        lambda text, label: {
            "tokens": text.split(),
            "tags": ["B-thing" if word in " ".join(TOPICS.values()).split() else "O" for word in text.split()],
        },
        lambda row: " ".join(row["tokens"]),
    ),
    "pair_classification": (
        lambda text, label: {**dict(zip(("text1", "text2"), halves(text), strict=True)), "label": label},
        lambda row: f"{row['text1']}\t{row['text2']}",
    ),
    "pos_tagging": (
        lambda text, label: {"tokens": text.split(), "tags": [word[0] for word in text.split()]},
        lambda row: " ".join(row["tokens"]),
    ),
    "relation_extraction": (relation, marked),
    "similarity": (
        lambda text, label: {"text1": text, "text2": "soup bread", "score": len(set(text.split()) & {"soup", "bread"})},
        lambda row: f"{row['text1']}\t{row['text2']}",
    ),
    "summarisation": (
        lambda text, label: {"source": f"{text}. {TOPICS[label]} is what it is about.", "target": TOPICS[label]},
        lambda row: row["source"],
    ),
    "text_classification": (lambda text, label: {"text": text, "label": label}, lambda row: row["text"]),
    "translation": (
        lambda text, label: {"source": text, "target": " ".join(reversed(text.split()))},
        lambda row: row["source"],
    ),
}


@pytest.fixture(autouse=True)
def _no_tokenizers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue's take seconds to read, and no family here needs them."""
    monkeypatch.setattr("goldilocks.flow.token_counters", dict)


def bare(answer: Row) -> Row:
    """Without places in the text, which a list of words does not have."""
    return {name: value for name, value in answer.items() if name not in ("offsets", "entities")}


def write(path: Path, rows: list[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", plugins.names("tasks"))
def test_whole_path(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert name in EXAMPLES, f"write a row of {name} into EXAMPLES"
    make, line = EXAMPLES[name]
    task = plugins.load("tasks", name)
    rows = [make(text, label) for text, label in TEXTS]
    families = [entry for entry in CHEAP if task.OUTPUT in plugins.load("families", entry).OUTPUTS]
    spec = {"name": name, "task": name, "data": {"train": str(write(tmp_path / "rows.jsonl", rows))}, "budget": "10m"}
    file, run = tmp_path / "task.yaml", tmp_path / "run"
    file.write_text(json.dumps(spec | {"candidates": {"families": families}}))  # JSON is YAML

    check(file, json=True)
    assert sum(json.loads(capsys.readouterr().out)["profile"]["rows"].values()) >= 50

    select(file, out=run, accept_baseline=True)  # tiny rows prove nothing
    assert {"decision.json", "evaluation.json", "report.html", "bundle"} <= {path.name for path in run.iterdir()}
    capsys.readouterr()

    questions = [{role: row[role] for role in task.READS if role in row} for row in rows[:6]]
    predict(run / "bundle", write(tmp_path / "questions.jsonl", questions))
    predictions = [json.loads(splitline) for splitline in capsys.readouterr().out.splitlines()]
    bundle = load(run / "bundle")
    assert predictions == [
        json.loads(json.dumps(as_fields(prediction, bundle.info.goal))) for prediction in bundle.predict(questions)
    ]
    read = [task.item(row) for row in rows[:6]]  # as they are read with their right answers
    assert bundle.items(rows[:6]) == bundle.items(questions) == bundle.items(read) == read

    if line is not None:
        (tmp_path / "questions.txt").write_text("".join(f"{line(question)}\n" for question in questions))
        predict(run / "bundle", tmp_path / "questions.txt")
        same = [json.loads(splitline) for splitline in capsys.readouterr().out.splitlines()]
        assert list(map(bare, same)) == list(map(bare, predictions))

    with pytest.raises(InputError, match=r"^row 2: .* \(1 of 3 rows have no prediction"):
        predict(run / "bundle", write(tmp_path / "odd.jsonl", [questions[0], {}, questions[1]]))
    odd = [json.loads(splitline) for splitline in capsys.readouterr().out.splitlines()]
    assert "row 2: " in odd.pop(1)["error"]
    assert odd == predictions[:2]

    evaluate(run / "bundle", str(write(tmp_path / "labelled.jsonl", rows[:12])), json=True)
    assert json.loads(capsys.readouterr().out)["score"]["n"] == 12
    assert verify(run / "bundle").ok
    before = (run / "report.html").read_text()
    report(run)
    assert (run / "report.html").read_text() == before
