from __future__ import annotations

import random

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.evaluation.score import measured, score
from goldilocks.metrics import bleu, chrf, ter
from goldilocks.protocols import ReportsConditions
from goldilocks.support.text.units import tokens

_EN = [*["the", "a", "cat", "dogs", "quickly", "running", "ran", "house,", "on", "over!", "it's"]]
_EN += [*["3.5", "big-eyed", "(well)", "He", "said:", "no.", "singing", "nationality"]]
_ZH = "我们今天看到一个好吃的面包，厨房里有鸡汤。2024年"


def made(
    seed: int, n: int = 40, *, chinese: bool = False, references: int = 1
) -> tuple[list[tuple[str, ...]], list[str]]:
    """References and answers that share some of their words."""
    rng = random.Random(seed)
    words, between = (list(_ZH), "") if chinese else (_EN, " ")
    gold, predicted = [], []
    for _ in range(n):
        first = [rng.choice(words) for _ in range(rng.randint(1, 14))]
        others = [
            [statement if rng.random() < 0.6 else rng.choice(words) for statement in first]
            for _ in range(references - 1)
        ]
        answer = [statement if rng.random() < 0.7 else rng.choice(words) for statement in first][: rng.randint(0, 16)]
        gold.append(tuple(between.join(other) for other in (first, *others)))
        predicted.append(between.join(answer))
    return gold, predicted


@pytest.mark.parametrize(("chinese", "references"), [(False, 1), (False, 3), (True, 1), (True, 2)])
def test_bleu_chrf_and_ter_are_those_of_sacrebleu(chinese: bool, references: int) -> None:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    gold, predicted = made(references, chinese=chinese, references=references)
    streams = [list(answer) for answer in zip(*gold, strict=True)]
    ours = {name: 100 * score(plugins.load("metrics", name), gold, predicted) for name in ("bleu", "chrf", "ter")}
    reference = BLEU(tokenize="zh" if chinese else "13a", force=True)
    assert ours["bleu"] == pytest.approx(reference.corpus_score(predicted, streams).score)
    assert ours["chrf"] == pytest.approx(CHRF().corpus_score(predicted, streams).score)
    edits = TER(normalized=chinese, asian_support=chinese)
    assert ours["ter"] == pytest.approx(edits.corpus_score(predicted, streams).score)


def test_bleu_of_a_resample_is_that_of_sacrebleu_on_the_items_drawn() -> None:
    from sacrebleu.metrics.bleu import BLEU

    gold, predicted = made(5)
    drawn = [0, 3, 3, 7, 20, 20, 20, 39]
    sums = bleu.items(gold, predicted)[drawn].sum(0, keepdims=True)
    expected = BLEU(force=True).corpus_score([predicted[i] for i in drawn], [[gold[i][0] for i in drawn]])
    assert 100 * bleu.total(sums)[0] == pytest.approx(expected.score)


def test_bleu_of_nothing_right_and_of_nothing_said_is_0() -> None:
    assert score(plugins.load("metrics", "bleu"), ["a b c d"], ["x y z q"]) == 0
    assert score(plugins.load("metrics", "bleu"), ["a b c d"], [""]) == 0


def test_bleu_smooths_what_is_missing_as_sacrebleu_does() -> None:
    from sacrebleu.metrics.bleu import BLEU

    gold, predicted = ["one two three four five"], ["one two five six seven"]
    expected = BLEU(force=True).corpus_score(predicted, [gold]).score
    assert expected > 0  # no 3-gram is right
    assert 100 * score(plugins.load("metrics", "bleu"), gold, predicted) == pytest.approx(expected)


def test_signature_names_tokenizer_and_references() -> None:
    assert "sacrebleu nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:" in bleu.conditions(["a cat", "a dog"])
    assert "nrefs:2|case:mixed|eff:no|tok:13a" in bleu.conditions([("a cat", "one cat"), ("a dog", "one dog")])
    assert "nrefs:var|case:mixed|eff:no|tok:zh" in bleu.conditions([("一只猫", "有一只猫"), "狗"])


@pytest.mark.parametrize(
    ("gold", "tokenizer"),
    [
        (["a cat", "a dog", "一只猫"], "13a"),
        (["一只猫", "一只狗", "a cat"], "zh"),
        (["แมวหนึ่งตัว"], "char"),
        (["ねこがいる"], "char"),
    ],
)
def test_corpus_has_one_tokenisation(gold: list[str], tokenizer: str) -> None:
    from sacrebleu.metrics.bleu import BLEU

    predicted = [text[:-1] for text in gold]
    expected = BLEU(tokenize=tokenizer, force=True).corpus_score(predicted, [gold]).score

    assert f"|tok:{tokenizer}|" in bleu.conditions(gold)
    assert 100 * score(plugins.load("metrics", "bleu"), gold, predicted) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "gold", "expected"),
    [
        ("perplexity_word", ["去罗马"], "per character and end of a text"),
        ("perplexity_word", ["to Rome"], "per word and end of a text"),
        ("rouge_l", ["ไปโรม", ("去罗马", "到罗马")], "over characters"),
        ("rouge_1", ["로마로 가요"], "over words"),
    ],
)
def test_units_that_are_characters_are_called_so(name: str, gold: list[str | tuple[str, ...]], expected: str) -> None:
    metric = plugins.load("metrics", name)
    assert isinstance(metric, ReportsConditions)
    assert metric.conditions(gold) == expected


def test_signatures_are_those_of_sacrebleu() -> None:
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    gold, predicted = made(3, references=3)
    for ours, theirs in ((chrf, CHRF()), (ter, TER())):
        theirs.corpus_score(predicted, [list(answer) for answer in zip(*gold, strict=True)])

        assert ours.conditions(gold) == f"sacrebleu {theirs.get_signature()}"


@pytest.mark.parametrize("references", [1, 3])
@pytest.mark.parametrize(("name", "theirs"), [("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL")])
def test_rouge_is_that_of_rouge_score(name: str, theirs: str, references: int) -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer([theirs], use_stemmer=True)
    gold, predicted = made(11, references=references)
    pairs = zip(gold, predicted, strict=True)
    expected = [max(scorer.score(reference, given)[theirs].fmeasure for reference in right) for right, given in pairs]
    assert score(plugins.load("metrics", name), gold, predicted) == pytest.approx(np.mean(expected))


@pytest.mark.parametrize(("name", "theirs"), [("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL")])
def test_rouge_of_chinese_is_that_of_rouge_score_by_character(name: str, theirs: str) -> None:
    rouge_scorer = pytest.importorskip("rouge_score.rouge_scorer")

    class ByCharacter:
        def tokenize(self, text: str) -> list[str]:
            return [character for character in text if character not in "，。"]

    gold, predicted = made(12, chinese=True)
    gold, predicted = (
        [tuple(_plain(reference) for reference in right) for right in gold],
        [_plain(answer) for answer in predicted],
    )
    scorer = rouge_scorer.RougeScorer([theirs], tokenizer=ByCharacter())
    expected = [scorer.score(right[0], given)[theirs].fmeasure for right, given in zip(gold, predicted, strict=True)]
    assert score(plugins.load("metrics", name), gold, predicted) == pytest.approx(np.mean(expected))


def _plain(text: str) -> str:
    return text.translate({ord(entry): None for entry in "2024"})


def test_words_with_letters_beyond_ascii_stay_whole_in_rouge() -> None:
    assert score(plugins.load("metrics", "rouge_1"), ["schöne Grüße"], ["schone Grusse"]) == 0


@pytest.mark.parametrize(("chinese", "references"), [(False, 1), (False, 3), (True, 2)])
def test_meteor_is_that_of_nltk_without_wordnet(chinese: bool, references: int) -> None:
    theirs = pytest.importorskip("nltk.translate.meteor_score")

    class NoSynonyms:
        def synsets(self, word: str) -> list[str]:
            return []

    gold, predicted = made(21, chinese=chinese, references=references)
    expected = [
        theirs.meteor_score([tokens(reference) for reference in right], tokens(given), wordnet=NoSynonyms())
        for right, given in zip(gold, predicted, strict=True)
    ]
    assert score(plugins.load("metrics", "meteor"), gold, predicted) == pytest.approx(np.mean(expected))


def test_distinct_counts_a_part_of_very_many_words_and_scales_it() -> None:
    distinct_1 = plugins.load("metrics", "distinct_1")
    answers = [" ".join(f"w{i * 100 + k}" for k in range(100)) + " again" * 100 for i in range(1000)]
    items = distinct_1.items([""] * 1000, answers)
    assert items.shape[1] < 25_000
    # 100,000 words once and one word 100,000 times.
    assert score(distinct_1, [""] * 1000, answers) == pytest.approx(100_001 / 200_000, rel=0.03)


def test_distinct_of_silence_is_0() -> None:
    assert score(plugins.load("metrics", "distinct_2"), ["a", "b"], ["", "one"]) == 0


def test_perplexity_and_bits_stay_finite_whatever_a_model_says() -> None:
    for name, worst in (("perplexity_word", 1e6), ("bits_per_byte", 8.0)):
        assert score(plugins.load("metrics", name), ["a", ""], [-1e9, -1e9]) == pytest.approx(worst)


def test_ter_above_1_is_reported_as_1() -> None:
    assert score(plugins.load("metrics", "ter"), ["a"], ["b c d e f"]) == 1


@pytest.mark.parametrize(
    "name", ["bleu", "chrf", "ter", "meteor", "rouge_1", "rouge_2", "rouge_l", "coverage", "repetition", "exact_match"]
)
def test_one_answer_too_few_is_refused_and_odd_answers_are_not(name: str) -> None:
    metric = plugins.load("metrics", name)
    if name != "repetition":
        with pytest.raises(InputError, match="2 gold and 1 predicted"):
            metric.items(["a", "b"], ["a"])
    low, high = metric.RANGE
    answers = ["", "🙂", "。。", "\u200b", "a " * 3000]
    result = measured(metric, ["a cat", "🙂", "好", ("b", "c"), "a b"], answers, n_draws=20)
    assert low <= result.low <= result.value <= high


def test_coverage_takes_the_reference_that_is_covered_best() -> None:
    # stems: the dog run home (4, of which 2), dog (1 of 1)
    assert score(plugins.load("metrics", "coverage"), [("The dogs running home", "dog")], ["the dog"]) == 1
    assert score(plugins.load("metrics", "coverage"), [("The dogs running home", "cat")], ["the dog"]) == 1 / 2


def test_first_of_several_equal_candidates_counts_in_part() -> None:
    recall = plugins.load("metrics", "recall_at_1")
    assert score(recall, [(0.0, 1.0), (0.0, 1.0)], [(0.2, 0.2), (0.1, 0.9)]) == pytest.approx((1 / 2 + 1) / 2)


@pytest.mark.parametrize(
    ("gold", "unit", "bleu"),
    [
        (["the cat sat"], "over words", "tok:13a"),
        (["猫坐在垫子上", "狗 NBA"], "over characters", "tok:zh"),
        (["แมวนั่งบนเสื่อ"], "over characters", "tok:char"),
        (["고양이가 앉았다"], "over words", "tok:13a"),  # Korean is separated by its spaces
    ],
)
def test_conditions_state_the_one_unit_of_a_corpus(gold: list[str], unit: str, bleu: str) -> None:
    for name, stated in {"meteor": unit, "rouge_1": unit, "rouge_2": unit, "rouge_l": unit, "bleu": bleu}.items():
        metric = plugins.load("metrics", name)
        assert isinstance(metric, ReportsConditions)
        assert stated in metric.conditions(gold), name
