"""Do damaged data files end in a traceback, or lose rows silently?

Run:    python benchmarks/fuzz_data.py --mutations 10000 --seed 0
Needs:  CPU only; some minutes. Results of record are in benchmarks/results/.

Measured: small files of every format and task files are mutated with Hypothesis (bytes flipped, pieces cut, doubled and
inserted, lines swapped, other encodings, compression, other names), read, and some of them loaded and predicted from.
Each outcome must be rows or one line of ours (``GoldilocksError``), and every record of a file must be among the rows
that are usable, unusable or skipped; records are counted by a parser of this script's own. Outcomes are counted.
The last line of output is one JSON object; everything above it is for people.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import platform
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from goldilocks import plugins
from goldilocks.data.load import load
from goldilocks.data.read import Reading, read
from goldilocks.data.unlabelled import arriving, columns_of
from goldilocks.errors import GoldilocksError
from goldilocks.settings import read_task

TOPICS = [("the ball was in the goal", "sport"), ("the bank wants a loan", "money"), ("größe, 北京 and 😀", "sport")]
SENTENCES = [(["Bo", "saw", "Rome"], ["B-PER", "O", "B-LOC"]), (["去", "北", "京"], ["O", "B-LOC", "I-LOC"])] * 3
INSERTED = [
    b'"', b"'", b"\t", b"\n", b"\r", b"\r\n", b"\x00", b"\xef\xbb\xbf", b"\xff", b"\xe9", b",", b";", b"|", b"[", b"]",
    b"{", b"}", b"#", b"# id 1\n", b" ", "\u3000".encode(), "😀".encode(), "é".encode(), b"\\", b"\\ud800", b"null",
    b"NaN", b"1e999", b'""', b"-", b"\n\n", b"\x1f\x8b", b"PK\x03\x04", b"PAR1", b"-DOCSTART-", b"[" * 2000,
]  # fmt: skip
ENCODINGS = ["utf-16", "utf-16-le", "utf-32", "gb18030", "cp1252", "shift_jis", "utf-8-sig"]

SUFFIXES = (".csv", ".jsonl", ".json", ".tsv", ".xlsx", ".parquet", ".conll", ".txt", "")


@dataclass(frozen=True, slots=True)
class Seed:
    """A file to mutate, and the task it is for."""

    name: str
    content: bytes
    task: str = "text_classification"


def _csv(delimiter: str = ",") -> bytes:
    rows = [("text", "label", "date"), *((f'"{text}"', label, "2024-01-01") for text, label in TOPICS * 3)]
    return "".join(delimiter.join(row) + "\n" for row in rows).encode()


def _json_lines(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _parquet(rows: list[dict[str, object]]) -> bytes:
    made = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), made)
    return made.getvalue()


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in [("text", "label"), *TOPICS]:
        book.active.append(row)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def seeds() -> list[Seed]:
    """Files of every format, for tasks of every kind."""
    topics: list[dict[str, object]] = [{"text": text, "label": label} for text, label in TOPICS * 3]
    tagged: list[dict[str, object]] = [{"tokens": words, "tags": tags} for words, tags in SENTENCES]
    entities: list[dict[str, object]] = [
        {"text": "😀 in Rome", "entities": [{"start": 5, "end": 9, "label": "LOC", "text": "Rome"}]},
        {"text": "他去北京出差", "entities": [[2, 4, "LOC"]]},
    ] * 3
    prodigy: list[dict[str, object]] = [
        {"text": "in Rome", "spans": [{"start": 3, "end": 7, "label": "LOC"}], "answer": answer, "_task_hash": 1}
        for answer in ("accept", "reject", "accept")
    ]
    studio = [
        {"data": {"text": "x"}, "annotations": [{"result": [{"from_name": "s", "value": {"choices": [label]}}]}]}
        for label in "abab"
    ]
    answers = {"text": ["Rome"], "answer_start": [3]}
    squad = {"data": [{"paragraphs": [{"context": "in Rome", "qas": [{"question": "Where?", "answers": [answers]}]}]}]}
    columns = "".join("".join(f"{w}\t{t}\n" for w, t in zip(*pair, strict=True)) + "\n" for pair in SENTENCES).encode()
    printed = "tokens,tags\n" + "".join(f'"{words!r}","{tags!r}"\n' for words, tags in SENTENCES)
    pairs: list[dict[str, object]] = [{"translation": {"en": f"yes {n}", "de": f"ja {n}"}} for n in range(4)]
    turns: list[dict[str, object]] = [{"turns": ["hi", "hello", f"bye {n}"]} for n in range(3)]
    lists: list[dict[str, object]] = [{"query": f"q{n // 2}", "item": f"i{n}", "relevance": n % 2} for n in range(6)]
    several: list[dict[str, object]] = [{"text": "a", "labels": ["x", "y"]}, {"text": "b", "labels": []}]
    return [
        Seed("x.csv", _csv()),
        Seed("x.csv", _csv(";")),
        Seed("x.tsv", _csv("\t")),
        Seed("x.tsv", _csv("\t").replace(b'"', b"")),
        Seed("x.jsonl", _json_lines(topics)),
        Seed("x.json", json.dumps(topics).encode()),
        Seed("x.parquet", _parquet(topics)),
        Seed("x.xlsx", _workbook()),
        Seed("x.jsonl", _json_lines(tagged), "ner"),
        Seed("x.jsonl", _json_lines(entities), "ner"),
        Seed("x.jsonl", _json_lines(prodigy), "ner"),
        Seed("x.json", json.dumps(studio).encode()),
        Seed("x.conll", columns, "ner"),
        Seed("x", columns, "pos_tagging"),
        Seed("x.conllu", b"# newdoc\n1\tBo\t_\tPROPN\n2\tran\t_\tVERB\n\n1\tIt\t_\tPRON\n", "pos_tagging"),
        Seed("x.csv", printed.encode(), "pos_tagging"),
        Seed("x.json", json.dumps(squad).encode(), "extractive_qa"),
        Seed("x.jsonl", _json_lines(pairs), "translation"),
        Seed("x.jsonl", _json_lines(turns), "dialogue"),
        Seed("x.jsonl", _json_lines(lists), "matching"),
        Seed("x.txt", "\n".join(text for text, _ in TOPICS).encode(), "language_modelling"),
        Seed("x.jsonl", _json_lines(several), "multi_label_classification"),
        Seed("x.jsonl", _json_lines([{"text1": "a", "text2": "b", "score": 1.5}]), "similarity"),
        Seed("task.yaml", b"name: t\ndata: {train: x.csv, time: date, fields: {text: text}}\nbudget: 90s\nseed: 1\n"),
        Seed("task.yaml", b"name: t\ntask: ner\ndata:\n  train: x.jsonl\n  group: author\nlimits: {size_mb: 5}\n"),
    ]  # fmt: skip


SEEDS = seeds()


@st.composite
def mutated(draw: st.DrawFn) -> Seed:
    """A seed with one to four mutations."""
    seed = draw(st.sampled_from(SEEDS))
    name, content = seed.name, seed.content
    for _ in range(draw(st.integers(1, 4))):
        how = draw(st.sampled_from([_flip, _cut, _double, _insert, _insert, _swap_lines, _recode, _compress, _join]))
        name, content = how(draw, name, content)
    if draw(st.integers(0, 19)) == 0 and not name.endswith(".yaml"):
        name = f"x{draw(st.sampled_from(SUFFIXES))}"
    return Seed(name, content, seed.task)


def _place(draw: st.DrawFn, content: bytes) -> int:
    return draw(st.integers(0, len(content)))


def _flip(draw: st.DrawFn, name: str, content: bytes) -> tuple[str, bytes]:
    place = _place(draw, content)
    return name, content[:place] + bytes([draw(st.integers(0, 255))]) + content[place + 1 :]


def _cut(draw: st.DrawFn, name: str, content: bytes) -> tuple[str, bytes]:
    first, second = sorted((_place(draw, content), _place(draw, content)))
    return name, content[:first] + content[second:] if draw(st.booleans()) else content[:second]


def _double(draw: st.DrawFn, name: str, content: bytes) -> tuple[str, bytes]:
    first, second = sorted((_place(draw, content), _place(draw, content)))
    return name, content[:second] + content[first:]


def _insert(draw: st.DrawFn, name: str, content: bytes) -> tuple[str, bytes]:
    place = _place(draw, content)
    return name, content[:place] + draw(st.sampled_from(INSERTED)) + content[place:]


def _swap_lines(draw: st.DrawFn, name: str, content: bytes) -> tuple[str, bytes]:
    lines = content.split(b"\n")
    first, second = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    lines[first], lines[second] = lines[second], lines[first]
    return name, b"\n".join(lines)


def _recode(draw: st.DrawFn, name: str, content: bytes) -> tuple[str, bytes]:
    codec = draw(st.sampled_from(ENCODINGS))
    return name, content.decode("utf-8", errors="replace").encode(codec, errors="replace")


def _compress(draw: st.DrawFn, name: str, content: bytes) -> tuple[str, bytes]:
    return name + ".gz" * draw(st.booleans()), gzip.compress(content, mtime=0)


def _join(draw: st.DrawFn, name: str, content: bytes) -> tuple[str, bytes]:
    return name, content + draw(st.sampled_from(SEEDS)).content


# ---------------------------------------------------------------------------------------------- what has to be true


def records_in(path: Path, reading: Reading) -> int | None:
    """Records of a text file, counted without the reader; ``None`` where this script does not know how."""
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    if any(remark.startswith("read as ") and "export" not in remark for remark in reading.remarks):
        return None  # in another encoding, or columns by another name
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    name = path.name.removesuffix(".gz")
    if any("no JSON but a table" in remark for remark in reading.remarks):
        name = "a table named .jsonl.csv"
    if name.endswith(".jsonl") or any("is read as JSON Lines" in remark for remark in reading.remarks):
        return sum(bool(line.strip()) for line in text.split("\n" if "\n" in text else "\r"))
    if name.endswith((".csv", ".tsv")):
        plain = any("plain characters" in remark for remark in reading.remarks)
        named = {"semicolons": ";", "tabs": "\t", "commas": ",", "vertical bars": "|"}
        usual = "," if name.endswith(".csv") else "\t"
        words = next((remark.split("by ")[1] for remark in reading.remarks if "cells are separated by" in remark), "")
        return _records(text, named.get(words, usual), plain) - 1
    if name.endswith(".json"):
        content = json.loads(text)
        nested = not isinstance(content, list) or any("paragraphs" in str(row) for row in content)
        return None if nested else len(content)
    return None


def _records(text: str, delimiter: str, plain: bool) -> int:
    """Lines that hold something, those within a quoted cell counted as one."""
    count, quoted, begins, something = 0, False, True, False
    place = 0
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    while place < len(text):
        character = text[place]
        if quoted:
            if character == '"' and text[place + 1 : place + 2] == '"':
                place += 1
            elif character == '"':
                quoted = False
        elif character == "\n":
            count, something, begins = count + something, False, True
        else:
            quoted = character == '"' and begins and not plain
            begins, something = character == delimiter, True
        place += 1
    return count + something


def outcome(seed: Seed, folder: Path, *, deep: bool) -> str:
    """What became of a file: ``read``, ``refused`` or, of task files, ``task``.

    Args:
        seed: The file.
        folder: Where it is written.
        deep: Load and predict from it too.

    Raises:
        AssertionError: rows were lost.
        Exception: anything but our own errors is a traceback for the user.
    """
    path = folder / seed.name
    path.write_bytes(seed.content)
    os.utime(path, ns=(time.time_ns(), time.time_ns()))
    if seed.name.endswith(".yaml"):
        return _of_task_file(path)
    try:
        return _of_data(path, seed, folder, deep)
    finally:
        path.unlink()


def _see_one_line(error: GoldilocksError) -> None:
    assert "\n" not in str(error), f"an error of several lines: {error}"


def _of_task_file(path: Path) -> str:
    try:
        read_task(path)
    except GoldilocksError as error:
        _see_one_line(error)
        return "task file refused"
    return "task file read"


def _of_data(path: Path, seed: Seed, folder: Path, deep: bool) -> str:
    task = plugins.load("tasks", seed.task)
    try:
        reading = read(seed.name, {}, task, folder)
    except GoldilocksError as error:
        _see_one_line(error)
        return "refused"
    one_row_each = seed.task not in ("dialogue", "matching")
    if one_row_each:
        reported = len(reading.part) + sum(map(len, [*reading.problems.values(), *reading.skipped.values()]))
        assert reported == reading.total, f"{reported} of {reading.total} rows are reported"
        records = records_in(path, reading)
        assert records is None or records == reading.total, f"{records} records, {reading.total} rows"
    if deep:
        _predict(path, seed)
        _load(path, seed, folder)
    return "read, all rows usable" if len(reading.part) == reading.total else "read, some rows reported"


def _predict(path: Path, seed: Seed) -> None:
    task = plugins.load("tasks", seed.task)
    try:
        numbers = [number for batch in arriving(path, task, columns_of(task, {})) for number, _ in batch]
    except GoldilocksError:
        return
    assert len(set(numbers)) == len(numbers), "a row is answered twice"


def _load(path: Path, seed: Seed, folder: Path) -> None:
    (folder / "task.yaml").write_text(json.dumps({"name": "t", "task": seed.task, "data": {"train": path.name}}))
    try:
        load(read_task(folder / "task.yaml"), plugins.load("tasks", seed.task))
    except GoldilocksError:
        return


def run(n_mutations: int, seed: int, deep_every: int = 10) -> tuple[Counter[str], dict[str, Seed]]:
    """Outcomes of ``n_mutations`` files, and what failed, by kind of failure -> the first such file.

    Args:
        n_mutations: How many.
        seed: Of Hypothesis; the same seed makes the same files.
        deep_every: One file of this many is loaded and predicted from too, which takes longer.
    """
    outcomes: Counter[str] = Counter()
    failures: dict[str, Seed] = {}
    with tempfile.TemporaryDirectory() as name:

        @hypothesis.seed(seed)
        @settings(
            max_examples=n_mutations,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(mutated())
        def check(file: Seed) -> None:
            try:
                result = outcome(file, Path(name), deep=outcomes.total() % deep_every == 0)
            except Exception as error:  # noqa: BLE001 - any at all: it is what this script looks for
                where = traceback.extract_tb(error.__traceback__)[-1]
                place = f"{Path(where.filename).name}:{where.lineno}"
                result = f"FAILED {type(error).__name__} in {place}: {str(error)[:80]}"
                failures.setdefault(result, file)
            outcomes[result] += 1

        check()
    return outcomes, failures


def main() -> None:
    """Print how many files ended how, and an example of each failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    since = time.perf_counter()
    outcomes, failures = run(options.mutations, options.seed)
    for name, count in outcomes.most_common():
        print(f"{count:7,} {name}")
    for name, file in failures.items():
        print(f"{name}\n    {str(file)[:2000]}")
    print(
        json.dumps(
            {
                "outcomes": dict(outcomes),
                "seconds": round(time.perf_counter() - since, 1),
                "seed": options.seed,
                "hypothesis": hypothesis.__version__,
                "python": platform.python_version(),
                "machine": platform.machine(),
            }
        )
    )
    if failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
