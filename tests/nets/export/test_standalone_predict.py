"""``predict.py`` of exported folders, on graphs that are plain functions. (On real ones: ``test_onnx_script.py``.)"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goldilocks.nets.export.standalone_predict import Classifier, Model, Scorer, SpanExtractor, Tagger, load
from goldilocks.support.text import word_shape
from goldilocks.testing import tiny

Feeds = dict[str, npt.NDArray[np.int64]]
Run = Callable[[Feeds], npt.NDArray[np.float32]]
BASE: dict[str, Any] = {"labels": ["a", "b", "c"], "max_tokens": 12, "pad_id": 0, "normalisation": ""}
CLASSIFIER: dict[str, Any] = {"kind": "classifier", "several": False, "error_costs": []}
SCORER: dict[str, Any] = {"kind": "pair_scorer", "bi_encoder": False, "lists": False, "low": 0.0, "high": 1.0}
SPAN: dict[str, Any] = {
    "kind": "span_extractor",
    **{"before": [2], "between": [3], "after": [3], "types": [0, 1]},
    **{"overlap_share": 0.5, "question_share": 0.25, "max_answer_tokens": 2, "may_be_empty": True},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny.encoder_folder(tmp_path)
    return tmp_path


def model(folder: Path, run: Run, inputs: tuple[str, ...] = ("ids", "mask", "types"), **config: Any) -> Model:
    (folder / "model.json").write_text(json.dumps(BASE | config))
    return load(folder, (list(inputs), run))


def constant(*values: float) -> Run:
    return lambda feeds: np.array([values], dtype=np.float32)


# ---------------------------------------------------------------------------------------------------------- classifiers


def test_kind_of_the_folder_says_what_answers(folder: Path) -> None:
    for kind, expected in (("classifier", Classifier), ("pair_scorer", Scorer), ("span_extractor", SpanExtractor)):
        assert type(model(folder, constant(1.0), kind=kind)) is expected


def test_label_is_the_most_probable_or_the_cheapest(folder: Path) -> None:
    probabilities = constant(0.5, 0.3, 0.2)
    plain = model(folder, probabilities, **CLASSIFIER).predict("x")
    assert plain["label"] == "a"
    assert plain["probabilities"] == pytest.approx({"a": 0.5, "b": 0.3, "c": 0.2})
    # Missing c costs 9: a costs .3 + 9 · .2, b costs .5 + 9 · .2, c costs .5 + .3.
    costs = [[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [9.0, 9.0, 0.0]]
    assert model(folder, probabilities, **(CLASSIFIER | {"error_costs": costs})).predict("x")["label"] == "c"


def test_several_labels_are_those_from_one_half_on(folder: Path) -> None:
    answer = model(folder, constant(0.5, 0.49, 0.9), **(CLASSIFIER | {"several": True})).predict("x")
    assert answer["labels"] == ["a", "c"]
    assert "label" not in answer


def test_inputs_are_those_of_the_graph_and_a_pair_has_types(folder: Path) -> None:
    seen: list[Feeds] = []

    def run(feeds: Feeds) -> npt.NDArray[np.float32]:
        seen.append(feeds)
        return np.ones((1, 3), dtype=np.float32)

    model(folder, run, ("ids", "mask"), **CLASSIFIER).predict("soup")
    pair = model(folder, run, **CLASSIFIER)
    pair.predict("soup", "bread bank")
    assert set(seen[0]) == {"ids", "mask"}
    assert seen[0]["ids"].dtype == np.int64
    expected = pair.tokenizer.encode("soup", "bread bank")
    assert seen[1]["ids"].tolist() == [expected.ids]
    assert seen[1]["types"].tolist() == [expected.type_ids]
    assert seen[1]["mask"].tolist() == [[1] * len(expected.ids)]


@pytest.mark.parametrize(("form", "same"), [("", False), ("NFKC", True)])
def test_texts_are_brought_to_the_form_of_the_training_texts(folder: Path, form: str, same: bool) -> None:
    lengths: list[int] = []

    def run(feeds: Feeds) -> npt.NDArray[np.float32]:
        lengths.append(feeds["ids"].shape[1])
        return np.ones((1, 3), dtype=np.float32)

    script = model(folder, run, **(CLASSIFIER | {"normalisation": form}))
    script.predict("\u3000soup\u2122")
    script.predict(" souptm")
    assert (lengths[0] == lengths[1]) is same


# --------------------------------------------------------------------------------------------------------------- scores


def test_score_of_a_pair_is_within_its_range(folder: Path) -> None:
    script = model(folder, constant(0.75), **(SCORER | {"low": 1.0, "high": 5.0}))
    assert script.predict("x", "y") == {"score": 4.0}
    assert model(folder, constant(9.0), **SCORER).predict("x", "y") == {"score": 1.0}
    assert model(folder, constant(-9.0), **SCORER).predict("x", "y") == {"score": 0.0}


def test_candidates_have_a_score_each_even_a_single_one(folder: Path) -> None:
    script = model(
        folder, lambda feeds: feeds["ids"].shape[1] * np.ones((1, 1), np.float32), **SCORER | {"lists": True}
    )
    assert len(script.predict("soup", "bread", "bank loan")["scores"]) == 2
    assert script.predict("soup", "bread").keys() == {"scores"}


def test_bi_encoder_compares_vectors_with_scale_offset_and_prior(folder: Path) -> None:
    vectors = {4: [1.0, 0.0], 3: [0.6, 0.8]}  # by the number of tokens: two words, one word

    def run(feeds: Feeds) -> npt.NDArray[np.float32]:
        return np.array([vectors[feeds["ids"].shape[1]]], dtype=np.float32)

    config = SCORER | {"bi_encoder": True, "scale": 2.0, "offset": 0.1, "lists": True, "prior": [10.0, 100.0]}
    # Twice the cosine 0.6, the offset, and the prior of the second: 6 + 80.
    assert model(folder, run, **config).predict("soup bread", "bank")["scores"] == pytest.approx([1.2 + 0.1 + 86.0])
    config |= {"prior": None}
    assert model(folder, run, **config).predict("soup bread", "bank")["scores"] == pytest.approx([1.3])


# ---------------------------------------------------------------------------------------------------------------- spans


def spans(folder: Path, best: dict[int, tuple[float, float]], none: float = 0.0, **config: Any) -> Model:
    """An extractor whose start and end scores are those of a token, wherever it stands; position 0: no answer."""

    def run(feeds: Feeds) -> npt.NDArray[np.float32]:
        ids = feeds["ids"][0].tolist()
        table = np.full((1, len(ids), 2), -5.0, dtype=np.float32)
        for place, number in enumerate(ids):
            if feeds["types"][0, place] == 1 and number in best:
                table[0, place] = best[number]
        table[0, 0] = none / 2
        return table

    return model(folder, run, **(SPAN | config))


@pytest.fixture
def number(folder: Path) -> Callable[[str], int]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    vocabulary = tokenizer.get_vocab()
    return lambda word: vocabulary[word]


def test_span_is_cut_from_the_context_with_its_start(folder: Path, number: Callable[[str], int]) -> None:
    extractor = spans(folder, {number("bank"): (4.0, 0.0), number("loan"): (0.0, 4.0)})
    assert extractor.predict("soup", "the  bank loan, bread") == {"answer": "bank loan", "start": 5}


def test_span_is_no_longer_than_allowed(folder: Path, number: Callable[[str], int]) -> None:
    # From bank to loan it is three tokens: longer than two.
    extractor = spans(folder, {number("bank"): (4.0, 1.0), number("loan"): (0.0, 4.0)})
    assert extractor.predict("soup", "bank bread loan")["answer"] == "bank"
    longer = spans(folder, {number("bank"): (4.0, 1.0), number("loan"): (0.0, 4.0)}, max_answer_tokens=3)
    assert longer.predict("soup", "bank bread loan")["answer"] == "bank bread loan"


@pytest.mark.parametrize(("may_be_empty", "answer"), [(True, ""), (False, "bank")])
def test_span_must_outscore_no_answer_where_there_may_be_none(
    folder: Path, number: Callable[[str], int], may_be_empty: bool, answer: str
) -> None:
    extractor = spans(folder, {number("bank"): (1.0, 1.0)}, none=3.0, may_be_empty=may_be_empty)
    assert extractor.predict("soup", "the bank")["answer"] == answer


@pytest.mark.parametrize("before", [0, 5, 11, 40])
def test_answer_far_behind_is_found_through_a_window(folder: Path, number: Callable[[str], int], before: int) -> None:
    extractor = spans(folder, {number("bank"): (4.0, 0.0), number("loan"): (0.0, 4.0)})
    context = "the " * before + "bank loan"
    assert extractor.predict("soup", context) == {"answer": "bank loan", "start": 4 * before}


def test_empty_context_has_no_answer(folder: Path) -> None:
    assert spans(folder, {}).predict("soup", "") == {"answer": "", "start": -1}


# ----------------------------------------------------------------------------------------------------------------- tags


def tagger(folder: Path, table: npt.NDArray[np.float32], **config: Any) -> Tagger:
    """A tagger whose words, in order, have the rows of a table as their scores, window after window."""
    (folder / "word_shape.py").write_bytes(Path(word_shape.__file__).read_bytes())
    place = itertools.count()

    def run(feeds: Feeds) -> npt.NDArray[np.float32]:
        return table[[next(place) for _ in range(feeds["places"].shape[1])]][None]

    options = {
        **{"kind": "token_classifier", "before": [2], "after": [3], "no_token_ids": [1]},
        **{"word_tokens": 8, "word_characters": 20},
        **{"transitions": np.zeros((3, 3)).tolist(), "start_transitions": [0.0] * 3},
    }
    made = model(folder, run, ("ids", "mask", "places", "features"), **(options | config))
    assert isinstance(made, Tagger)
    return made


def test_tags_are_those_of_the_best_path(folder: Path) -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(5, 3)).astype(np.float32)
    moves, first = rng.normal(size=(3, 3)), rng.normal(size=3)

    def total(path: tuple[int, ...]) -> float:
        steps = sum(moves[a, b] for a, b in itertools.pairwise(path))
        return float(first[path[0]] + steps + sum(table[place, tag] for place, tag in enumerate(path)))

    best = max(itertools.product(range(3), repeat=5), key=total)
    made = tagger(folder, table, transitions=moves.tolist(), start_transitions=first.tolist())
    assert made.predict(*["soup", "bank", "loan", "match", "goal"])["tags"] == ["abc"[tag] for tag in best]
    assert made.predict() == {"tags": []}


def test_long_sentence_is_tagged_in_windows_of_whole_words(folder: Path) -> None:
    table = np.eye(3, dtype=np.float32)[[number % 3 for number in range(30)]]
    widths: list[int] = []
    made = tagger(folder, table)
    run = made.run_graph

    def watched(feeds: Feeds) -> npt.NDArray[np.float32]:
        widths.append(feeds["ids"].shape[1])
        assert feeds["ids"][0, 0] == 2
        assert feeds["ids"][0, -1] == 3
        assert (feeds["places"] >= 1).all()
        return run(feeds)

    made.run_graph = watched
    tags = made.predict(*["soup"] * 30)["tags"]
    assert tags == [*"abc"] * 10
    assert max(widths) <= BASE["max_tokens"]
    assert len(widths) == 3  # 10 words fit between the special tokens


def test_word_of_many_tokens_counts_with_its_first_one(folder: Path) -> None:
    seen: list[Feeds] = []
    made = tagger(folder, np.eye(3, dtype=np.float32))
    run = made.run_graph

    def watched(feeds: Feeds) -> npt.NDArray[np.float32]:
        seen.append(feeds)
        return run(feeds)

    made.run_graph = watched
    assert len(made.predict("soup", "abc", "bank")["tags"]) == 3
    assert seen[0]["places"].tolist() == [[1, 2, 5]]  # abc is three letters
    assert seen[0]["ids"].shape == (1, 1 + 5 + 1)
