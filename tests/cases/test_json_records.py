"""JSON objects with one key twice, exact decimals, and translations as the Hub has them."""

import io
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from case_files import as_jsonl, reading

from goldilocks import plugins
from goldilocks.data.unlabelled import arriving, columns_of
from goldilocks.errors import InputError


def test_key_twice_with_two_values_is_named(tmp_path: Path) -> None:
    content = b'{"text": "a", "label": "x"}\n{"text": "b", "label": "x", "label": "y"}\n'
    got = reading(tmp_path, "x.jsonl", content)
    assert got.part.texts == ("a",)
    assert got.problems == {"broken JSON (the key 'label' occurs twice with different values)": (2,)}


def test_key_twice_with_one_value_is_harmless(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.jsonl", b'{"text": "a", "label": "x", "label": "x"}\n')
    assert got.part.gold == ("x",)


def test_key_twice_in_a_document_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.json: broken JSON \(the key 'text' occurs twice"):
        reading(tmp_path, "x.json", b'[{"text": "a", "text": "b", "label": "x"}]')


def test_key_twice_of_a_row_to_predict_for_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b'{"text": "a", "text": "b"}\n{"text": "c"}\n')
    task = plugins.load("tasks", "text_classification")
    (first, second) = [row for batch in arriving(tmp_path / "x.jsonl", task, columns_of(task, {})) for row in batch]
    assert "the key 'text' occurs twice" in str(first[1])
    assert second == (2, "c")


def test_decimals_of_parquet_are_numbers_and_labels(tmp_path: Path) -> None:
    made = io.BytesIO()
    scores = pa.array([Decimal("2.50"), Decimal("3.00")], pa.decimal128(5, 2))
    pq.write_table(pa.table({"text1": ["a", "c"], "text2": ["b", "d"], "score": scores}), made)
    got = reading(tmp_path, "x.parquet", made.getvalue(), "similarity")
    assert got.part.gold == (2.5, 3.0)
    got = reading(tmp_path, "y.parquet", made.getvalue(), fields={"text": "text1", "label": "score"})
    assert got.part.gold == ("2.5", "3")


PAIRS = [{"translation": {"en": "good", "de": "gut"}}, {"translation": {"en": "bad", "de": "schlecht"}}]


def test_translations_of_the_hub_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.jsonl", as_jsonl(PAIRS), "translation")
    assert (got.part.texts, got.part.gold) == (("good", "bad"), ("gut", "schlecht"))
    assert got.remarks == ("source is translation.en, target is translation.de",)


@pytest.mark.parametrize(
    "fields",
    [{"source": "de", "target": "en"}, {"source": "translation.de", "target": "translation.en"}, {"source": "de"}],
)
def test_languages_of_a_translation_can_be_named(tmp_path: Path, fields: dict[str, str]) -> None:
    got = reading(tmp_path, "x.jsonl", as_jsonl(PAIRS), "translation", fields)
    assert (got.part.texts, got.part.gold) == (("gut", "schlecht"), ("good", "bad"))


def test_translations_in_parquet_are_read(tmp_path: Path) -> None:
    made = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(PAIRS), made)
    got = reading(tmp_path, "x.parquet", made.getvalue(), "translation")
    assert (got.part.texts, got.part.gold) == (("good", "bad"), ("gut", "schlecht"))


def test_unknown_or_ambiguous_languages_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no language 'fr' for source. There are: en, de"):
        reading(tmp_path, "x.jsonl", as_jsonl(PAIRS), "translation", {"source": "fr"})
    three = [{"translation": {"en": "a", "de": "b", "fr": "c"}}]
    with pytest.raises(InputError, match=r"translation holds en, de, fr; name two of its languages"):
        reading(tmp_path, "x.jsonl", as_jsonl(three), "translation")


def test_one_language_of_a_translation_is_predicted_for(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(as_jsonl(PAIRS))
    task = plugins.load("tasks", "translation")
    columns = columns_of(task, {"source": "translation.en"})
    asked = [text for batch in arriving(tmp_path / "x.jsonl", task, columns) for _, text in batch]
    assert asked == ["good", "bad"]


@pytest.mark.parametrize("indent", [None, 2])
def test_list_of_objects_named_as_json_lines_is_read(tmp_path: Path, indent: int | None) -> None:
    rows = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]
    got = reading(tmp_path, "x.jsonl", json.dumps(rows, indent=indent).encode())
    assert (got.part.texts, got.part.gold, got.problems) == (("a", "b"), ("x", "y"), {})


def test_list_with_an_object_on_each_line_is_read(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.jsonl", b'[\n{"text": "a", "label": "x"},\n{"text": "b", "label": "y"}\n]\n')
    assert got.part.texts == ("a", "b")


def test_lines_that_are_lists_stay_lines(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.jsonl", b'["a"]\n{"text": "b", "label": "y"}\n')
    assert got.problems == {"not a JSON object": (1,)}


def test_lines_under_the_name_of_a_document_are_read(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]
    got = reading(tmp_path, "x.json", as_jsonl(rows))
    assert (got.part.texts, got.part.gold) == (("a", "b"), ("x", "y"))
    assert got.remarks == ("holds an object on each line, and is read as JSON Lines",)


@pytest.mark.parametrize(
    "content",
    [
        {"text": {"0": "a", "1": "b"}, "label": {"0": "x", "1": "y"}},
        {"text": ["a", "b"], "label": ["x", "y"]},
        {"columns": ["text", "label"], "index": [0], "data": [["a", "x"]]},
    ],
)
def test_columns_of_pandas_are_named(tmp_path: Path, content: object) -> None:
    with pytest.raises(InputError, match=r"x\.json: is column by column, as pandas writes by default; write rows"):
        reading(tmp_path, "x.json", json.dumps(content).encode())


def test_keys_of_another_document_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no list of rows or articles in it \(keys: 'rasa_nlu_data'\)"):
        reading(tmp_path, "x.json", b'{"rasa_nlu_data": {"common_examples": []}}')


def test_true_and_one_are_two_values_of_a_key(tmp_path: Path) -> None:
    got = reading(
        tmp_path, "x.jsonl", b'{"text": "a", "label": 1, "label": true}\n{"text": NaN, "text": NaN, "label": 1}\n'
    )
    assert list(got.problems) == [
        "broken JSON (the key 'label' occurs twice with different values)",
        "text is empty",
    ]


def test_texts_alone_are_no_objects(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.jsonl", b'"a"\n{"text": "b", "label": "y"}\n')
    assert got.problems == {"not a JSON object": (1,)}


def test_infinity_is_no_label(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.jsonl", b'{"text": "a", "label": Infinity}\n{"text": "b", "label": -1e400}\n')
    assert got.problems == {"label is inf, not a finite number": (1,), "label is -inf, not a finite number": (2,)}


def test_byte_order_mark_of_a_second_file_is_passed_over(tmp_path: Path) -> None:
    row = b'\xef\xbb\xbf{"text": "a", "label": "x"}\n'
    assert reading(tmp_path, "x.jsonl", row * 2).part.texts == ("a", "a")


def test_sets_of_python_are_lists(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.csv", b"text,labels\na,\"{'y', 'x'}\"\nb,\"{'x'}\"\n", "multi_label_classification")
    assert got.part.gold == (("x", "y"), ("x",))
