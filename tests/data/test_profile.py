from __future__ import annotations

from collections.abc import Sequence

import pytest

from goldilocks.data.profile import profile, words
from goldilocks.records import Part


def part(texts: Sequence[str], gold: Sequence[str]) -> Part:
    return Part(tuple(texts), tuple(gold), tuple(range(1, len(texts) + 1)))


def test_numbers_are_those_of_the_train_part() -> None:
    train = part(["x" * length for length in range(1, 102)], ["a", *["b"] * 100])
    got = profile({"train": train, "test": part(["the"], ["a"])}, language="auto")

    # Lengths 1 to 101: the median is 51, the 95th percentile 96.
    assert got.characters == {"p50": 51, "p95": 96, "max": 101, "mean": 51}
    assert got.rows == {"train": 101, "test": 1}
    assert got.label_counts == {"train": {"a": 1, "b": 100}, "test": {"a": 1}}
    assert got.language == "und"


def test_a_tokenizer_is_asked_once_with_a_sample() -> None:
    asked: list[int] = []

    def count(texts: Sequence[str]) -> list[int]:
        asked.append(len(texts))
        return [7] * len(texts)

    got = profile({"train": part(["one two"] * 5000, ["a"] * 5000)}, tokenizers={"mine": count})

    assert asked == [2000]
    assert got.tokens["mine"]["p95"] == 7
    assert got.tokens["words"] == {"p50": 2, "p95": 2, "max": 2, "mean": 2}


def test_the_language_given_stands() -> None:
    assert profile({"train": part(["the cat is here"], ["a"])}, language="en-GB").language == "en-GB"


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("It's 3 o'clock", 5), ("很好 ok", 3), ("안녕 ok2", 2), ("a-b", 2)]
)
def test_words_are_runs_of_letters_or_single_signs_of_scripts_without_spaces(text: str, count: int) -> None:
    assert words([text]) == [count]
