from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from goldilocks.nets.generation.sampling import (
    Logits,
    NextTokenModel,
    Sampling,
    TokenSequence,
    generate_sequences,
    generator_for,
    sample_token,
)

SCORES = np.log(np.array([0.2, 0.5, 0.3]))
END = 26


def shares(scores: Logits, **how: Any) -> list[float]:
    """How often each token is drawn of 3,000 times; standard error .009 at most."""
    rng = np.random.default_rng(0)
    sampling = Sampling(**{"temperature": 1.0, **how})
    drawn = Counter(sample_token(scores, sampling, rng) for _ in range(3_000))
    return [drawn[token] / 3_000 for token in range(len(scores))]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, [0.2, 0.5, 0.3]),
        ({"temperature": 0.5}, [4 / 38, 25 / 38, 9 / 38]),  # squared
        ({"top_k": 2}, [0, 5 / 8, 3 / 8]),
        ({"top_k": 9}, [0.2, 0.5, 0.3]),
        ({"top_p": 0.6}, [0, 5 / 8, 3 / 8]),  # .5 is not enough, .8 passes it
        ({"top_p": 0.4}, [0, 1, 0]),
        ({"top_k": 2, "top_p": 0.6}, [0, 1, 0]),  # of the two that are left 1 has .625
        ({"temperature": 1e-300}, [0, 1, 0]),
    ],
)
def test_tokens_are_drawn_as_often_as_they_are_probable(how: dict[str, Any], expected: list[float]) -> None:
    assert shares(SCORES, **how) == pytest.approx(expected, abs=0.035)


def test_of_equal_tokens_at_the_edge_the_first_stay() -> None:
    scores = np.array([1.0, 2.0, 1.0, 1.0, -np.inf])
    assert [share > 0 for share in shares(scores, top_k=2)] == [True, True, False, False, False]
    assert shares(scores)[4] == 0


@pytest.mark.parametrize("how", [{"top_k": 7}, {"top_p": 0.7}, {"top_k": 30, "top_p": 0.5, "temperature": 1.7}])
def test_what_can_be_drawn_is_what_transformers_leaves(how: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    process = pytest.importorskip("transformers.generation.logits_process")
    scores = np.random.default_rng(1).normal(0, 2, 50)
    left = torch.tensor(scores)[None] / how.get("temperature", 1.0)
    if "top_k" in how:
        left = process.TopKLogitsWarper(how["top_k"])(None, left)
    if "top_p" in how:
        left = process.TopPLogitsWarper(how["top_p"])(None, left)
    assert shares(scores, **how) == pytest.approx(left.softmax(-1)[0].tolist(), abs=0.035)


class Script(NextTokenModel):
    """Rows whose tokens are known beforehand, as places in the alphabet."""

    def __init__(self, *texts: str) -> None:
        self.left = [[ord(letter) - ord("a") for letter in text] for text in texts]

    def logits(self) -> Logits:
        return np.eye(27)[[remaining_item[0] if remaining_item else END for remaining_item in self.left]]

    def select(self, rows: Sequence[int]) -> None:
        self.left = [self.left[row] for row in rows]

    def step(self, ids: Sequence[int]) -> None:
        assert list(ids) == [remaining_item[0] if remaining_item else END for remaining_item in self.left]
        self.left = [remaining_item[1:] for remaining_item in self.left]


def spell(ids: Sequence[int]) -> str:
    return "".join(chr(ord("a") + identifier) for identifier in ids)


def sequences(*most: int) -> list[TokenSequence]:
    return [TokenSequence(place, entry, generator_for(0, [place])) for place, entry in enumerate(most)]


def test_each_text_ends_at_its_own_limit_its_stop_or_its_end_token() -> None:
    model = Script("abcdef", "abcdef", "ab", "xyzxyz")

    done = list(generate_sequences(model, sequences(2, 9, 9, 9), Sampling(stops=("zx",)), spell, (END,)))

    result = {trial.number: (trial.text(spell, ("zx",)), trial.ended, trial.steps) for trial in done}
    assert result == {0: ("ab", False, 2), 1: ("abcdef", True, 7), 2: ("ab", True, 3), 3: ("xy", True, 4)}


def test_draws_of_a_text_hang_on_its_seed_and_its_prompt_alone() -> None:
    first = generator_for(3, [1, 2]).random()
    assert first == generator_for(3, [1, 2]).random()
    assert (
        len(
            {
                first,
                generator_for(4, [1, 2]).random(),
                generator_for(3, [1]).random(),
                generator_for(-1, [1, 2]).random(),
            }
        )
        == 4
    )
