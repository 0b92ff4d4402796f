from __future__ import annotations

import pytest

from goldilocks.support.endpoints.label_matching import read_label, read_labels

TOPICS = ("money", "sport")
STARS = ("1", "2", "3", "4", "5")


@pytest.mark.parametrize(
    ("answer", "labels", "named"),
    [
        # formatting around the label
        ("**Sport**", TOPICS, "sport"),
        ("# Sport", TOPICS, "sport"),
        ('"sport".', TOPICS, "sport"),
        ("- sport", TOPICS, "sport"),
        ("1. sport", TOPICS, "sport"),
        ("<answer>sport</answer>", TOPICS, "sport"),
        (r"\boxed{sport}", TOPICS, "sport"),
        ("```\nsport\n```", TOPICS, "sport"),
        ("Sports", TOPICS, "sport"),
        # JSON
        ('```json\n{"label": "sport"}\n```', TOPICS, "sport"),
        ('{"reasoning": "money? no", "label": "sport"}', TOPICS, "sport"),
        ('Here it is: {"Category": ["sport"]}', TOPICS, "sport"),
        ('{"label": 2}', STARS, "2"),
        ('{"label": true}', ("false", "true"), "true"),
        ('{"label": "spo', TOPICS, None),
        ('{"money": 0.1, "sport": 0.9}', TOPICS, None),
        ('{"label": ["money", "sport"]}', TOPICS, None),
        # reasoning
        ("<think>money</think>\n\nsport", TOPICS, "sport"),
        ("It may be money.</think>sport", TOPICS, "sport"),
        ("<think>money or", TOPICS, None),
        # negation
        ("This is not about money; it is about sport.", TOPICS, "sport"),
        ("sport (not money)", TOPICS, "sport"),
        ("Sport isn't it. Money.", TOPICS, "money"),
        ("money is not the topic, sport is", TOPICS, "sport"),
        ("neither money, sport nor anything else", TOPICS, None),
        ("not money", TOPICS, None),
        ("non-toxic", ("clean", "toxic"), None),
        ("un-related", ("related", "other"), None),
        ("This is not toxic.", ("toxic", "non_toxic"), "non_toxic"),
        # whole tokens, longest first, - _ and space equal
        ("non-toxic", ("toxic", "non_toxic"), "non_toxic"),
        ("toxic", ("toxic", "non_toxic"), "toxic"),
        ("Card arrival.", ("card", "card_arrival"), "card_arrival"),
        ("top-up", ("card", "top_up"), "top_up"),
        ("Support request: billing", ("port", "billing"), "billing"),
        ("ｍｏｎｅｙ", TOPICS, "money"),
        ("The language is C++", ("C", "C#", "C++"), "C++"),
        # case alone tells them apart
        ("US", ("us", "US"), "US"),
        ("us", ("us", "US"), "us"),
        ("Us", ("us", "US"), None),
        ("Tell us more.", ("UK", "US"), None),
        ("It is about the US.", ("UK", "US"), "US"),
        # letters and numbers
        ("Answer: B", ("A", "B", "C"), "B"),
        ("b", ("A", "B", "C"), "B"),
        ("(B) sport", ("A", "B", "C"), "B"),
        ("A text about sport, so B.", ("A", "B", "C"), "B"),
        ("This is a text", ("A", "B"), None),
        ("Label: 12", ("1", "2"), None),
        ("2.5", ("2", "5"), None),
        ("Label: -1", ("-1", "0", "1"), "-1"),
        ("1", ("-1", "0", "1"), "1"),
        ("4 stars", STARS, "4"),
        ("I would rate this 4.", STARS, "4"),
        ("There are 2 reasons for 3", STARS, None),
        # no answer at all
        ("", TOPICS, None),
        ("I can't help with that.", TOPICS, None),
        ("I cannot tell", ("no", "yes"), None),
        ("unknown", ("no", "yes"), None),
        ("None of them", ("no", "yes"), None),
        ("none", ("money", "one", "phone"), None),
        ("The text could be about money or sport.", TOPICS, None),
        ("sport, money", TOPICS, None),
        # a decision among several
        ("sport\n\nThe text mentions money too.", TOPICS, "sport"),
        ("It may be money. The best label is sport.", TOPICS, "sport"),
        ("No, it does not.", ("no", "yes"), "no"),
        ("Yes, there is no doubt", ("no", "yes"), "yes"),
        ("That is true.", ("false", "true"), "true"),
        ("It could be yes or no.", ("no", "yes"), None),
        ("none", ("none", "sport"), "none"),
        # scripts without spaces, particles
        ("标签是体育。", ("体育", "财经"), "体育"),
        ("不是财经，而是体育", ("体育", "财经"), "体育"),
        ("这条新闻不是体育", ("体育", "财经"), None),
        ("스포츠입니다", ("금융", "스포츠"), "스포츠"),
    ],
)
def test_one_label_is_read_only_where_the_answer_names_it(
    answer: str, labels: tuple[str, ...], named: str | None
) -> None:
    assert read_label(answer, labels) == named


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ("sport, food", ("food", "sport")),
        ("sport and money", ("money", "sport")),
        ("- sport\n- money", ("money", "sport")),
        ("1. sport\n2. food", ("food", "sport")),
        ("sport、money，food", ("food", "money", "sport")),
        ("sport/food", ("food", "sport")),
        ("sport | food", ("food", "sport")),
        ("sport; not money", ("sport",)),
        ('{"labels": ["sport", "money"]}', ("money", "sport")),
        ('{"sport": true, "money": false}', ("sport",)),
        ("none", ()),
        ("None.", ()),
        ("No label fits.", ()),
        ('{"labels": []}', ()),
        ("I cannot tell", None),
        ("", None),
    ],
)
def test_several_labels_are_read_whatever_separates_them(answer: str, named: tuple[str, ...] | None) -> None:
    assert read_labels(answer, ("food", "money", "sport")) == named


def test_short_labels_of_a_list_are_read_whole() -> None:
    assert read_labels("1, 3", STARS) == ("1", "3")
    assert read_labels("A and C", ("A", "B", "C")) == ("A", "C")
    assert read_labels("体育和财经", ("体育", "财经")) == ("体育", "财经")
    assert read_labels("top up, card, weather", ("card", "card_arrival", "top_up")) == ("card", "top_up")
    assert read_labels("none", ("money", "one", "phone")) == ()


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("यह दिनों की बात है", None),  # दिन goes on with a vowel sign
        ("कोई", None),  # को goes on with a letter
        ("उत्तर: दिन", "दिन"),
        ("को।", "को"),
    ],
)
def test_label_within_a_longer_word_of_devanagari_is_no_label(answer: str, label: str | None) -> None:
    assert read_label(answer, ("दिन", "को")) == label


@pytest.mark.parametrize(
    ("answer", "labels", "named"),
    [
        ("Rather than money, this is sport.", TOPICS, "sport"),
        ("Instead of money, it is about sport", TOPICS, "sport"),
        ("Could be money or sport; I'd say sport.", TOPICS, "sport"),
        ("I would choose B, since A does not fit.", ("A", "B", "C"), "B"),
        ("I'll classify this as money, though sport occurs", TOPICS, "money"),
        ("A or B", ("A", "B", "C"), None),
        ("分类结果为：财经。理由：文本提到体育较少。", ("体育", "财经"), "财经"),
        # negations written in other ways
        ("nontoxic", ("toxic", "non_toxic"), "non_toxic"),
        ("It isn't toxic.", ("toxic", "non_toxic"), "non_toxic"),
        ("It isn't toxic.", ("toxic", "spam"), None),
        # numbers
        ("1.0", STARS, "1"),
        ("+1", ("1", "-1", "0"), "1"),
        ("-1.0", ("1", "-1", "0"), "-1"),
        ("4/5", STARS, "4"),
        ("4 out of 5", STARS, "4"),
        ("12", ("1", "2"), None),
        ("1.5", ("1", "2"), None),
    ],
)
def test_label_is_read_however_it_is_put(answer: str, labels: tuple[str, ...], named: str | None) -> None:
    assert read_label(answer, labels) == named


@pytest.mark.parametrize("answer", ["None of the labels apply to this one", "都不适用", "該当なし", "해당 없음"])
def test_that_no_label_fits_is_an_answer(answer: str) -> None:
    assert read_labels(answer, ["money", "one"]) == ()
