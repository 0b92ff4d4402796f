"""The official scripts, written out again from their definitions, against our metrics on answers drawn at random."""

import re
import string
from collections import Counter

import numpy as np
import pytest

from goldilocks.metrics import span_exact_match, span_f1
from goldilocks.metrics._shared import span_match

SIGNS = list("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")


def squad_normal(text: str) -> str:
    text = "".join(entry for entry in text.lower() if entry not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def squad_f1(right: str, predicted: str) -> float:
    ours, theirs = squad_normal(right).split(), squad_normal(predicted).split()
    if not ours or not theirs:
        return float(ours == theirs)
    same = sum((Counter(ours) & Counter(theirs)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(theirs), same / len(ours)
    return 2 * precision * recall / (precision + recall)


def cmrc_words(text: str) -> list[str]:
    """Chinese characters one by one; what stands between them cut at spaces (as NLTK does where there are no signs)."""
    result: list[str] = []
    waiting = ""
    for entry in text.lower().strip():
        if entry in SIGNS:
            continue
        if re.search("[\u4e00-\u9fa5]", entry):
            result += [*waiting.split(), entry]
            waiting = ""
        else:
            waiting += entry
    return result + waiting.split()


def cmrc_f1(right: str, predicted: str) -> float:
    ours, theirs = cmrc_words(right), cmrc_words(predicted)
    runs = [
        length
        for i in range(len(ours))
        for j in range(len(theirs))
        for length in range(1, min(len(ours) - i, len(theirs) - j) + 1)
        if ours[i : i + length] == theirs[j : j + length]
    ]
    if not runs:
        return 0.0
    precision, recall = max(runs) / len(theirs), max(runs) / len(ours)
    return 2 * precision * recall / (precision + recall)


def cmrc_match(right: str, predicted: str) -> float:
    bare = ["".join(entry for entry in text.lower().strip() if entry not in SIGNS) for text in (right, predicted)]
    return float(bare[0] == bare[1])


def drawn(words: list[str], between: str, seed: int) -> list[tuple[str, str]]:
    rng = np.random.default_rng(seed)
    return [
        (between.join(rng.choice(words, rng.integers(1, 6))), between.join(rng.choice(words, rng.integers(1, 6))))
        for _ in range(300)
    ]


def test_english_answers_score_as_by_squads_script() -> None:
    for right, predicted in drawn(["the", "a", "Old", "old", "man", "man's", "and", "sea,", "(sea)", "1952."], " ", 0):
        assert span_match.overlap(right, predicted) == pytest.approx(squad_f1(right, predicted)), (right, predicted)
        assert span_match.same(right, predicted) == float(squad_normal(right) == squad_normal(predicted))


def test_chinese_answers_score_as_by_cmrcs_script() -> None:
    words = ["红", "楼", "梦", "《", "》", "，", "1998", "年", "Nexon", "开发"]
    pairs = [entry for entry in drawn(words, "", 1) if re.search("[\u4e00-\u9fa5]", "".join(entry))]
    assert len(pairs) > 250
    for right, predicted in pairs:
        assert span_match.overlap(right, predicted) == pytest.approx(cmrc_f1(right, predicted)), (right, predicted)
        assert span_match.same(right, predicted) == cmrc_match(right, predicted)


def test_best_reference_counts() -> None:
    gold = [((0, "in the spring"), (7, "spring 1871"))]
    # "spring of 1871" against "spring 1871": 2·2 / (3 + 2); against "in spring": 2·1 / (3 + 2)
    assert span_f1.items(gold, ["spring of 1871"])[0].tolist() == pytest.approx([4 / 5, 1])
    assert span_exact_match.items(gold, ["the spring, 1871"])[0].tolist() == [1, 1]


@pytest.mark.parametrize("metric", [span_f1, span_exact_match])
def test_without_an_answer_only_nothing_is_right(metric: object) -> None:
    result = metric.items([(), (), ((0, "Rome"),)], ["", "Rome", ""])  # type: ignore[attr-defined]
    assert result[:, 0].tolist() == [1, 0, 0]


def test_number_among_chinese_is_one_word() -> None:
    # right: 1998 年, predicted: 1998; the run has 1 word: 2·1 / (2 + 1)
    assert span_match.overlap("1998年", "1998") == pytest.approx(2 / 3)
