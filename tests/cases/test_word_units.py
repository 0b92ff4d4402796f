"""Word segmentation of scripts with combining marks and of scripts without spaces, in every place that counts words."""

from __future__ import annotations

import json
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldilocks import load, plugins
from goldilocks.bundle.read import read_info
from goldilocks.bundle.write import Tuned, write_tuned
from goldilocks.evaluation.score import score
from goldilocks.families.crf import WordCrf
from goldilocks.nets.tokenization.word_vocabulary import learn_words
from goldilocks.protocols import OneShotEstimator
from goldilocks.records import Candidate, DataProfile, Dataset, Goal, Gold, Measured, Output, Part, Text
from goldilocks.support.text import units
from goldilocks.support.text.composition import original
from goldilocks.support.text.scripts import UNSPACED, marks
from goldilocks.support.text.word_shape import features
from goldilocks.support.text.word_tokenizer import FIRST_UNITS, cutter, learnt

WORDS = [
    ("हिन्दी में लिखो।", ["हिन्दी", "में", "लिखो"]),  # vowel signs, and a conjunct (n + virama + d)
    ("বাংলা ভাষা", ["বাংলা", "ভাষা"]),
    ("السَّلَامُ عَلَيْكُمْ", ["السَّلَامُ", "عَلَيْكُمْ"]),  # vowel points and shadda
    ("می\u200cخواهم بروم", ["می\u200cخواهم", "بروم"]),  # a zero-width non-joiner inside a word
    ("שָׁלוֹם עוֹלָם", ["שָׁלוֹם", "עוֹלָם"]),
    ("tiê\u0301ng Viê\u0323t", ["ti\u1ebfng", "vi\u1ec7t"]),
    ("cafe\u0301 I\u0307stanbul \u0130zmir", ["caf\u00e9", "i\u0307stanbul", "i\u0307zmir"]),
    ("한국어를 배워요", ["한국어를", "배워요"]),
    (unicodedata.normalize("NFD", "한국어를 배워요"), ["한국어를", "배워요"]),
    ("我爱北京,真的", ["我", "爱", "北", "京", "真", "的"]),
    ("カ\u3099ム・テスト", ["ガ", "ム", "テ", "ス", "ト"]),  # a decomposed ガ; the middle dot is punctuation
    ("น้ำดี ๒๕๖๘", ["น้ำ", "ดี", "๒๕๖๘"]),
    ("ນ້ຳ", ["ນ້ຳ"]),
    ("ភ្នំពេញ", ["ភ្នំ", "ពេ", "ញ"]),  # a consonant stacked below another is one character
    ("မြန်မာ", ["မြ", "န်", "မာ"]),
    ("ＮＢＡ ﾊﾞｽ", ["nba", "バ", "ス"]),  # full and half width
    ("co\u00adoperate \u200eabc\u200f", ["cooperate", "abc"]),
    ("ok 👩🏽‍🚀 snake_case", ["ok", "snake", "case"]),
]


@pytest.mark.parametrize(("text", "expected"), WORDS)
def test_units_keep_marks_with_their_letters(text: str, expected: list[str]) -> None:
    assert units.units(text) == expected


@pytest.mark.parametrize("text", [text for text, _ in WORDS])
def test_canonically_equivalent_texts_have_the_same_words(text: str) -> None:
    forms = {form: unicodedata.normalize(form, text) for form in ("NFC", "NFD")}
    for segment in (units.units, units.words, units.tokens):
        assert segment(forms["NFC"]) == segment(forms["NFD"])


def test_words_keep_apostrophes_straight_or_curly() -> None:
    assert units.words("Don't go! l\u2019e\u0301te\u0301?") == ["don't", "go", "!", "l'été", "?"]


def test_emoji_sequence_is_one_token() -> None:
    assert units.tokens("Yes! 👩🏽‍🚀🇩🇪🇫🇷❤️") == ["yes", "!", "👩🏽‍🚀", "🇩🇪", "🇫🇷", "❤️"]


def test_first_version_is_that_of_the_models_saved_with_it() -> None:
    assert units.units("हिन्दी ดี cafe\u0301", 1) == ["ह", "न", "द", "ด", "cafe"]
    assert units.words("हिन्दी l\u2019or", 1) == ["ह", "न", "द", "l", "or"]


def test_latin_text_has_the_words_it_always_had() -> None:
    text = "It’s naïve – 3.14 “Zürich” a_b don't"
    assert units.units(text) == units.units(text, 1) == ["it", "s", "naïve", "3", "14", "zürich", "a", "b", "don", "t"]


def test_combining_marks_are_those_of_unicode() -> None:
    import re

    mark = re.compile(f"[{marks()}]")
    every = map(chr, range(sys.maxunicode + 1))
    assert [sign for sign in every if bool(mark.match(sign)) != (unicodedata.category(sign)[0] == "M")] == []


def test_letters_without_spaces_are_letters() -> None:
    import re

    letter = re.compile(f"[{UNSPACED}]")
    others = [sign for sign in map(chr, range(0x3400)) if letter.match(sign) and not sign.isalnum()]
    assert others == []


# -------------------------------------------------------------------------------------------------------------- metrics

HINDI = ("पीला दिन", "पालो दान")
"""Two texts without a common word, of the same consonants but for one."""


@pytest.mark.parametrize("metric", ["rouge_1", "rouge_2", "rouge_l", "meteor", "coverage"])
def test_words_that_share_their_consonants_only_do_not_match(metric: str) -> None:
    assert score(plugins.load("metrics", metric), [HINDI[0]], [HINDI[1]]) == 0


@pytest.mark.parametrize("metric", ["rouge_1", "rouge_2", "rouge_l", "coverage", "exact_match"])
def test_composed_and_decomposed_text_match(metric: str) -> None:
    text = "un café très chaud"
    assert score(plugins.load("metrics", metric), [text], [unicodedata.normalize("NFD", text)]) == 1


def test_thai_is_compared_character_by_character() -> None:
    gold, predicted = "ผมไปตลาด", "ผมไปวัด"
    # ผ ม ไ ป ต ล า ด against ผ ม ไ ป วั ด: 5 of 8 and of 6.
    assert score(plugins.load("metrics", "rouge_1"), [gold], [predicted]) == pytest.approx(2 * 5 / (8 + 6))
    # 5 matches in two chunks (ผมไป, ด): P 5/6, R 5/8; 10 P R / (R + 9 P) · (1 - .5 (2/5)³)
    precision, recall = 5 / 6, 5 / 8
    mean = precision * recall / (0.9 * precision + 0.1 * recall)
    expected = mean * (1 - 0.5 * (2 / 5) ** 3)
    assert score(plugins.load("metrics", "meteor"), [gold], [predicted]) == pytest.approx(expected)


def test_different_words_are_counted_as_different() -> None:
    # दिन, दान, दिन: two of three.
    assert score(plugins.load("metrics", "distinct_1"), [""], ["दिन दान दिन"]) == pytest.approx(2 / 3)


def test_repetition_in_thai_is_found() -> None:
    # ดี มา ดี มา ดี มา as characters: ดี ม า ดี ม า ดี ม า; six runs of four, of which the last three stood there before.
    assert score(plugins.load("metrics", "repetition"), [""], ["ดีมาดีมาดีมา"]) == pytest.approx(3 / 6)


def test_words_of_thai_are_its_characters_for_perplexity() -> None:
    assert units.count_words("ดีมาก ok") == 5


# ------------------------------------------------------------------------------------------------------------- families

FRENCH = {"a": ("café", "fiancé"), "b": ("façade", "rôle")}
DEVANAGARI = {"a": ("दिन", "मिल"), "b": ("दान", "माल")}


def _rows(named: dict[str, tuple[str, str]], n_rows: int = 40) -> Part:
    labels = ["ab"[place % 2] for place in range(n_rows)]
    texts = [f"{named[label][place // 2 % 2]} the of {place % 7}" for place, label in enumerate(labels)]
    return Part(tuple(texts), tuple(labels), tuple(range(1, n_rows + 1)))


def _dataset(part: Part) -> Dataset:
    profile = DataProfile(dict.fromkeys(("train", "validation", "test"), len(part)), {}, {}, {}, "fr", {"fr": 1.0})
    return Dataset(part, part, part, ("a", "b"), fingerprint="0" * 16, profile=profile)


def _fitted(family: str, name: str, part: Part, goal: Goal | None = None) -> OneShotEstimator:
    loaded = plugins.load("families", family)
    info = next(info for info in loaded.models() if info.name == name)
    model = loaded.create(info, None, part, goal or Goal(Output.LABEL, ("a", "b")), seed=0)
    assert isinstance(model, OneShotEstimator)
    model.fit(part.texts, part.gold, seed=0)
    return model


COUNTING = [
    ("naive_bayes", "word12"),
    ("naive_bayes", "char24"),
    ("tfidf_linear", "word"),
    ("tfidf_linear", "word_char"),
]


@pytest.mark.parametrize(("family", "name"), COUNTING)
def test_bundle_answers_decomposed_text_as_composed(family: str, name: str, tmp_path: Path) -> None:
    part = _rows(FRENCH)
    info = next(info for info in plugins.load("families", family).models() if info.name == name)
    tuned = Tuned(Candidate(info, "scratch"), "text_classification", "macro_f1", Measured(1.0, 1.0, 1.0, len(part), ""))
    write_tuned(_fitted(family, name, part), tuned, _dataset(part), tmp_path / "bundle")
    bundle = load(tmp_path / "bundle")
    decomposed = [unicodedata.normalize("NFD", str(text)) for text in part.texts]

    assert read_info(tmp_path / "bundle").normalisation == "NFC"
    assert [answer.answer for answer in bundle.predict(decomposed)] == list(part.gold)
    # The model itself normalises too: in a search it meets the texts as the file spells them.
    np.testing.assert_array_equal(
        bundle.model.predict(decomposed).probabilities, bundle.model.predict(part.texts).probabilities
    )


@pytest.mark.parametrize(("family", "name"), COUNTING)
def test_words_that_differ_in_vowel_signs_are_distinguished(family: str, name: str) -> None:
    part = _rows(DEVANAGARI)
    assert _fitted(family, name, part).predict(part.texts).values == part.gold


def test_training_data_in_two_forms_are_taken_as_they_come(tmp_path: Path) -> None:
    part = _rows(FRENCH)
    part = replace(part, texts=(unicodedata.normalize("NFD", str(part.texts[0])), *part.texts[1:]))
    info = plugins.load("families", "naive_bayes").models()[0]
    tuned = Tuned(Candidate(info, "scratch"), "text_classification", "macro_f1", Measured(1.0, 1.0, 1.0, len(part), ""))
    write_tuned(_fitted("naive_bayes", info.name, part), tuned, _dataset(part), tmp_path / "bundle")
    assert read_info(tmp_path / "bundle").normalisation == ""


def test_model_saved_without_a_version_counts_as_it_did(tmp_path: Path) -> None:
    part = _rows(DEVANAGARI)
    _fitted("naive_bayes", "word12", part).save(tmp_path)
    head = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    for grams in head["config"]["grams"]:
        assert grams.pop("segmentation") == 2
    (tmp_path / "model.json").write_text(json.dumps(head), encoding="utf-8")

    old: Any = plugins.load("families", "naive_bayes").restore(tmp_path)

    assert {grams.segmentation for grams in old.vocabulary.grams} == {1}


PAIRED: list[tuple[str, str, str, tuple[Text, ...], tuple[Gold, ...], Output]] = [
    ("bm25", "bm25", "bm25.json", (("दिन", "दिन"), ("दिन", "दान")), (1.0, 0.0), Output.SCORE),
    ("overlap", "overlap", "overlap.json", (("दिन?", "दान है। दिन है।"),), (((8, "दिन है।"),),), Output.SPAN),
    ("extractive", "nearest", "extractive.json", ("दिन है", "दान है"), ("day", "gift"), Output.TEXT),
    ("extractive", "lead", "extractive.json", ("दिन है", "दान है"), ("day", "gift"), Output.TEXT),
    ("ngram", "word", "ngram.json", ("दिन है", "दान है"), ("दिन है", "दान है"), Output.LIKELIHOOD),
]


@pytest.mark.parametrize(("family", "name", "file", "texts", "gold", "output"), PAIRED)
def test_version_is_kept_in_each_model_that_counts_words(
    family: str, name: str, file: str, texts: tuple[Text, ...], gold: tuple[Gold, ...], output: Output, tmp_path: Path
) -> None:
    names = [info.name for info in plugins.load("families", family).models()]
    part = Part(texts, gold, tuple(range(1, len(texts) + 1)))
    model = _fitted(family, name if name in names else names[0], part, Goal(output, ()))
    model.save(tmp_path)
    restored: Any = plugins.load("families", family).restore(tmp_path)
    assert restored.segmentation == 2
    assert restored.predict(texts).values == model.predict(texts).values

    head = json.loads((tmp_path / file).read_text(encoding="utf-8"))
    del head["segmentation"]
    (tmp_path / file).write_text(json.dumps(head), encoding="utf-8")
    old: Any = plugins.load("families", family).restore(tmp_path)
    assert old.segmentation == 1


def test_nearest_item_is_found_by_its_vowel_signs() -> None:
    texts = ("दान है", "दिन है")
    model = _fitted("extractive", "nearest", Part(texts, ("gift", "day"), (1, 2)), Goal(Output.TEXT, ()))
    assert model.predict(["दिन", unicodedata.normalize("NFD", "दान")]).values == ("day", "gift")


def test_bm25_finds_the_candidate_with_the_word() -> None:
    item = ("दिन", "दान है", "दिन है")
    model = _fitted(
        "bm25",
        plugins.load("families", "bm25").models()[0].name,
        Part((item,), ((0.0, 1.0),), (1,)),
        Goal(Output.SCORE, ()),
    )
    (scores,) = model.predict([item]).values
    assert scores[0] == 0 < scores[1]  # type: ignore[index, operator]


def test_crf_features_of_composed_and_decomposed_words_are_the_same() -> None:
    composed, decomposed = ("Café", "fiancé"), ("Cafe\u0301", "fiance\u0301")
    version = WordCrf(("O",)).segmentation
    assert list(features(composed, version)) == list(features(decomposed, version))
    assert list(features(composed, 1)) != list(features(decomposed, 1))


@pytest.mark.parametrize(
    "text",
    ["हिन्दी में!", "น้ำดี ๒๕๖๘", "Don't 👩🏽‍🚀🇩🇪", "မြန်မာ ភ្នំពេញ", "می\u200cخواهم שָׁלוֹם", "한국어를 배워요", "我爱IKEA"],
)
def test_word_vocabulary_has_the_tokens_of_the_metrics(text: str) -> None:
    # NFKC, which the tokenizers library applies, splits the vowel of น้ำ into a mark and a letter.
    expected = [part for word in units.tokens(text) for part in (["น้ํ", "า"] if word == "น้ำ" else [word])]
    vocabulary = learn_words([text, text], max_tokens=99)
    assert vocabulary.encode(text).tokens == expected
    assert vocabulary.encode(unicodedata.normalize("NFD", text)).tokens == expected


# --------------------------------------------------------------------------------------------- tokenisation and bundles


def test_segmented_thai_is_tokenized_into_its_known_words() -> None:
    cut = cutter(learnt([["ผม", "ไป", "ตลาด"], ["ตลาด", "ใหญ่"], ["ผม", "ใหญ่"], ["ไป", "ตลาด"]]))
    text = "ผมไปตลาดใหญ่"
    assert [text[start:end] for start, end in cut(text)] == ["ผม", "ไป", "ตลาด", "ใหญ่"]


def test_tokenisation_saved_without_a_version_is_the_first() -> None:
    text = "ดีมาก・ok"
    assert [text[start:end] for start, end in cutter(FIRST_UNITS)(text)] == ["ดีมาก", "・", "ok"]
    assert [text[start:end] for start, end in cutter()(text)] == ["ดี", "ม", "า", "ก", "・", "ok"]


def test_extracted_answer_is_spelled_as_in_the_context() -> None:
    context = "tại Hà Nội, Việt Nam"
    decomposed = unicodedata.normalize("NFD", context)
    assert original("Hà Nội", decomposed) == unicodedata.normalize("NFD", "Hà Nội")
    assert original("Hà Nội", context) == "Hà Nội"
    assert original("Huế", decomposed) == "Huế"
    assert original("한국", unicodedata.normalize("NFD", "나는 한국 사람")) == unicodedata.normalize("NFD", "한국")
