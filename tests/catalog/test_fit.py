from dataclasses import replace

import pytest
from fake_shelf import dataset

from goldilocks import plugins
from goldilocks.catalog.fit import workload
from goldilocks.catalog.known import catalogue
from goldilocks.records import Output, Part, Workload


def test_words_are_runs_of_letters_and_single_chinese_characters() -> None:
    texts = ("Don't stop 2 day", "天气 good", "")
    rows = replace(dataset(), train=Part(texts=texts, gold=("a", "b", "a"), rows=(1, 2, 3)))

    work = workload(rows)

    # don, t, stop, 2, day = 5; 天, 气, good = 3; nothing = 0. Characters: 16, 7, 0.
    assert (work.rows, work.labels) == (3, 2)
    assert work.words == pytest.approx(8 / 3)
    assert work.characters == pytest.approx(23 / 3)


def test_answers_that_are_texts_are_measured_too() -> None:
    part = Part(texts=("a title", "another"), gold=("one two three", ("four", "five six")), rows=(1, 2))
    writing = replace(dataset(), train=part, output=Output.TEXT)

    # Of several right answers the first: 3 words and 1 word.
    assert workload(writing).answer_words == pytest.approx(2)
    assert workload(writing).answer_characters == pytest.approx((13 + 4) / 2)
    assert workload(replace(writing, output=Output.LABEL)).answer_words == 0


def test_long_data_are_sampled_from_end_to_end() -> None:
    texts = ("a",) * 5_000 + ("a b c",) * 5_000
    rows = replace(dataset(), train=Part(texts=texts, gold=("x",) * 10_000, rows=tuple(range(10_000))))

    assert workload(rows).words == pytest.approx(2.0)
    assert workload(rows).rows == 10_000


def test_sentences_of_what_is_tagged_are_counted() -> None:
    texts = (("to", "Rome", "\n", "so"), ("no",), ("a", "\n", "b", "\n", "c"))
    rows = replace(dataset(), train=Part(texts=texts, gold=(("O",) * 3, ("O",), ("O",) * 3), rows=(1, 2, 3)))

    assert workload(replace(rows, output=Output.TAGS)).sentences == pytest.approx(2)
    assert workload(replace(rows, output=Output.LABEL)).sentences == 1


@pytest.mark.parametrize("name", ["cnn", "recurrent", "encoder", "decoder"])
def test_sentences_read_together_are_passed_over_as_often_in_smaller_batches(name: str) -> None:
    family = plugins.load("families", name)
    facts = next(model for model in [*family.models(), *catalogue()] if model.family == name and "lm" not in model.name)
    apart = Workload(rows=8_000, characters=90, words=15, labels=9, output=Output.TAGS)
    together = replace(apart, rows=1_000, characters=720, words=120, sentences=8)

    config = family.training_config(facts, apart)
    assert config is not None
    assert family.training_config(facts, together) == replace(config, batch_rows=8)
