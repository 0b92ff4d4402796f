from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from made import bundle

from goldilocks.answers import Answers, of_values
from goldilocks.bundle.generation import generation_request
from goldilocks.bundle.read import Bundle, load
from goldilocks.errors import InputError
from goldilocks.records import Answer, Generation, Output, Text

OLD = Path(__file__).parents[1] / "fixtures" / "v0.1"


@dataclass
class Generator:
    """What a model that generates has beside ``Model``; its answer is the settings it was asked with."""

    generation: Generation = field(default_factory=lambda: Generation(max_tokens=9, stops=("END",)))

    def predict(self, texts: Sequence[Text], *, generation: Generation | None = None) -> Answers:
        return of_values([f"{text} {self.generation.updated(generation).temperature}" for text in texts])


@pytest.fixture
def labels(tmp_path: Path) -> Bundle:
    return load(bundle(tmp_path / "bundle"))


def generating(like: Bundle, model: Any) -> Bundle:
    return Bundle(replace(like.info, family="decoder", output=Output.TEXT, task="generation"), model, like.folder)


def test_request_holds_what_was_set_and_the_model_keeps_its_own(labels: Bundle) -> None:
    model = Generator()

    request = generation_request(generating(labels, model), {"temperature": 0.5, "top_p": None, "seed": 4})

    assert request == Generation(temperature=0.5, seed=4)
    assert model.generation == Generation(max_tokens=9, stops=("END",))
    assert model.generation.updated(request) == Generation(max_tokens=9, temperature=0.5, stops=("END",), seed=4)


def test_bundle_that_does_not_generate_takes_no_flags(labels: Bundle) -> None:
    assert generation_request(labels, {"max_tokens": None}) is None
    with pytest.raises(
        InputError, match=r"\(label, by naive_bayes\) are not generated .*; leave out --max-tokens, --stop\."
    ):
        generation_request(labels, {"max_tokens": 5, "stops": ("a",)})


def test_likelihoods_are_not_generated_either(labels: Bundle) -> None:
    scoring = replace(generating(labels, Generator()), info=replace(labels.info, output=Output.LIKELIHOOD))
    with pytest.raises(InputError, match=r"leave out --seed\."):
        generation_request(scoring, {"seed": 5})


def test_top_p_of_0_is_refused(labels: Bundle) -> None:
    with pytest.raises(InputError, match=r"top_p is 0\.0; it must be above 0"):
        generation_request(generating(labels, Generator()), {"top_p": 0.0})


def test_predict_of_a_bundle_without_generation_refuses_settings(labels: Bundle) -> None:
    with pytest.raises(InputError, match="naive_bayes does not generate text; call predict without generation"):
        labels.predict(["rain"], generation=Generation(seed=1))
    with pytest.raises(InputError, match="naive_bayes does not generate text"):
        labels.generate(["rain"])


def test_generate_yields_predictions_before_it_has_all_rows(labels: Bundle) -> None:
    model = generating(labels, Generator())
    taken: list[str] = []

    def rows() -> Any:
        for text in ("a", "b", "c", "d", "e"):
            taken.append(text)
            yield text

    answers = model.generate(rows(), generation=Generation(temperature=0.5), batch_rows=2)

    assert next(answers).answer == "a 0.5"
    assert taken == ["a", "b"]
    assert [answer.answer for answer in answers] == ["b 0.5", "c 0.5", "d 0.5", "e 0.5"]


@pytest.mark.parametrize("name", ["translation-decoder", "translation-seq2seq"])
def test_two_threads_with_two_temperatures_get_what_each_asked_for(name: str) -> None:
    model = load(OLD / name)
    rows = [{"source": "soup with bread"}, {"source": "the match today"}]
    requests = [Generation(max_tokens=6, temperature=value, seed=3) for value in (0.0, 2.0)]

    def answers(request: Generation) -> list[Answer]:
        return [prediction.answer for prediction in model.predict(rows, generation=request)]

    expected = [answers(request) for request in requests]
    with ThreadPoolExecutor(2) as threads:
        got = list(threads.map(answers, requests * 4))

    assert expected[0] != expected[1]
    assert got == expected * 4
