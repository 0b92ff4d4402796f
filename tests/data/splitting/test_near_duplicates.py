from __future__ import annotations

import random

import numpy as np
import pytest

from goldilocks.data.splitting.near_duplicates import _DENSE_FROM, NARROW, WIDE, near_groups, signatures, similarities


def shingle_set(text: str) -> set[str]:
    """The definition, spelled out."""
    dense = sum(ord(character) >= _DENSE_FROM for character in text) > len(text) / 2
    width = NARROW if dense else WIDE
    text = text.ljust(width)
    return {text[place : place + width] for place in range(len(text) - width + 1)}


def jaccard(first: str, second: str) -> float:
    left, right = shingle_set(first), shingle_set(second)
    return len(left & right) / len(left | right)


def edited(text: str, edits: int, rng: random.Random) -> str:
    letters = list(text)
    for _ in range(edits):
        letters[rng.randrange(len(letters))] = rng.choice("qxzj")
    return "".join(letters)


def corpus(n_texts: int, seed: int) -> list[str]:
    """Distinct texts; many are an earlier one with a few letters changed."""
    rng = random.Random(seed)
    made: dict[str, None] = {}
    while len(made) < n_texts:
        if made and rng.random() < 0.5:
            made[edited(rng.choice(list(made)), rng.randint(1, 3), rng)] = None
        else:
            letters = (
                "etaoinshr dlucmfwyp 的一是不了人我在有他这中大来" if rng.random() < 0.3 else "etaoinshr dlucmfwyp"
            )
            made["".join(rng.choices(letters, k=rng.randint(3, 120)))] = None
    return list(made)


def test_similarity_is_the_jaccard_similarity_of_the_shingle_sets() -> None:
    texts = [*corpus(60, seed=1), "a", "ab", "你好吗", "我在这中国大来了人", "我在这中国大来了"]
    left, right = np.triu_indices(len(texts))

    got = similarities(texts, left, right)

    expected = [
        jaccard(texts[remaining_item], texts[two])
        for remaining_item, two in zip(left.tolist(), right.tolist(), strict=True)
    ]
    assert got == pytest.approx(expected)


def test_no_pairs_have_no_similarities() -> None:
    none = np.array([], dtype=np.int64)
    assert similarities(["x"], none, none).shape == (0,)


def test_signatures_agree_as_often_as_the_jaccard_similarity_says() -> None:
    rng = random.Random(2)
    base = "".join(rng.choices("etaoinshr dlucmfwyp", k=200))
    texts = [base, *(edited(base, edits, rng) for edits in (1, 3, 6, 12, 25) for _ in range(20))]
    # 20 texts per level times several seeds: the standard error of a level's mean is below 0.01.
    agree = np.mean(
        [(entry[1:] == entry[0]).mean(1) for entry in (signatures(texts, seed=seed) for seed in range(6))], axis=0
    )
    true = np.array([jaccard(base, text) for text in texts[1:]])

    level = agree.reshape(5, 20).mean(1)

    assert level == pytest.approx(true.reshape(5, 20).mean(1), abs=0.03)


def test_groups_are_those_of_brute_force() -> None:
    texts = corpus(400, seed=4)
    sets = [shingle_set(text) for text in texts]
    near = [
        (entry, two)
        for entry in range(len(texts))
        for two in range(entry)
        if 5 * len(sets[entry] & sets[two]) >= 4 * len(sets[entry] | sets[two])
    ]
    assert len(near) > 50

    group = near_groups(texts)

    parent = list(range(len(texts)))

    def root(place: int) -> int:
        while parent[place] != place:
            place = parent[place]
        return place

    for trial, two in near:
        parent[root(trial)] = root(two)
    roots = np.array([root(place) for place in range(len(texts))])
    # A pair below the threshold is never joined, so the groups are those of brute force or finer ...
    assert len(set(zip(group.tolist(), roots.tolist(), strict=True))) == len(set(group.tolist()))
    # ... and by the probability in near.py at most a few in a thousand pairs are missed.
    missed = sum(group[entry] != group[two] for entry, two in near)
    assert missed <= 0.01 * len(near)


def test_groups_do_not_depend_on_chance() -> None:
    texts = corpus(200, seed=5)
    assert (near_groups(texts, seed=7) == near_groups(texts, seed=7)).all()


def test_one_text_or_none_is_no_trouble() -> None:
    assert near_groups([]).shape == (0,)
    assert near_groups(["only"]).tolist() == [0]


def test_a_large_bucket_is_joined_without_comparing_all_pairs() -> None:
    rng = random.Random(6)
    base = "the parcel that you sent to me last week has not come and nobody answers when I call your number, what now"
    texts = list(dict.fromkeys(base + f" {rng.randrange(1000)}" for _ in range(800)))
    assert len(set(near_groups(texts).tolist())) == 1
