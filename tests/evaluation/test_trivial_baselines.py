from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.evaluation.trivial_baselines import random_losses, trivial_answers
from goldilocks.records import DataProfile, Dataset, Output, Part


def dataset(output: Output, train: dict[Any, Any], validation: dict[Any, Any]) -> Dataset:
    profile = DataProfile({}, {}, {}, {}, "en", {})
    return Dataset(
        train=Part(tuple(train), tuple(train.values()), tuple(range(1, len(train) + 1))),
        validation=Part(tuple(validation), tuple(validation.values()), tuple(range(1, len(validation) + 1))),
        test=Part(),
        labels=(),
        fingerprint="0" * 16,
        profile=profile,
        output=output,
    )


def test_labels_have_a_constant_a_nearest_and_a_random_answer() -> None:
    train = {"my card is lost": "card", "card declined again": "card", "send money abroad": "transfer"}
    rows = dataset(Output.LABEL, train, {"please send the money": "transfer", "lost my card": "card"})

    got = trivial_answers(plugins.load("tasks", "text_classification"), rows)

    assert got.answers == {"constant": ("card", "card"), "nearest": ("transfer", "card")}
    assert got.values == ("card", "transfer")
    assert got.shares == pytest.approx((2 / 3, 1 / 3))
    assert got.random


def test_text_is_copied_and_a_dialogue_echoes_its_last_turn() -> None:
    rows = dataset(Output.TEXT, {"ein Haus": "a house"}, {"das Haus": "the house"})
    got = trivial_answers(plugins.load("tasks", "translation"), rows)
    assert got.answers == {"constant": ("a house",), "copy": ("das Haus",), "nearest": ("a house",)}

    rows = dataset(Output.TEXT, {("hi", "how are you"): "fine"}, {("hello", "well?"): "yes"})
    assert trivial_answers(plugins.load("tasks", "dialogue"), rows).answers["copy"] == ("well?",)


def test_nearest_chinese_text_is_found_by_its_characters() -> None:
    rows = dataset(Output.LABEL, {"我的卡丢了": "卡", "请转账": "转账"}, {"卡丢了怎么办": "卡"})
    assert trivial_answers(plugins.load("tasks", "text_classification"), rows).answers["nearest"] == ("卡",)


def test_programs_and_likelihoods_name_their_own_baselines() -> None:
    rows = dataset(Output.TEXT, {"add two": ("def f(): 1", "tests")}, {"add three": ("def g(): 2", "tests")})
    assert trivial_answers(plugins.load("tasks", "code_generation"), rows).answers == {"nearest": ("def f(): 1",)}
    rows = dataset(Output.LIKELIHOOD, {"a": "a"}, {"b": "b"})
    assert trivial_answers(plugins.load("tasks", "language_modelling"), rows).answers == {}


def test_tags_and_lists_get_one_value_for_each_word_or_candidate() -> None:
    rows = dataset(Output.TAGS, {("to", "Rome"): ("O", "B-LOC"), ("a", "b"): ("O", "O")}, {("x", "y", "z"): ("O",) * 3})
    assert trivial_answers(plugins.load("tasks", "ner"), rows).answers == {"constant": (("O", "O", "O"),)}
    rows = dataset(Output.SCORE, {("q", "a", "b"): (1.0, 0.0)}, {("r", "c", "d", "e"): (0.0, 1.0, 0.0)})
    assert trivial_answers(plugins.load("tasks", "matching"), rows).answers == {"constant": ((0.0, 0.0, 0.0),)}


def test_random_loss_is_the_mean_over_draws() -> None:
    by_value = np.array([[0.0, 1.0], [1.0, 0.0]] * 50)
    got = random_losses(by_value, [0.7, 0.3], seed=0)
    # An item whose right answer is the first value is wrong in 3 of 10 draws.
    assert got[::2].mean() == pytest.approx(0.3, abs=0.02)
    assert got[1::2].mean() == pytest.approx(0.7, abs=0.02)
