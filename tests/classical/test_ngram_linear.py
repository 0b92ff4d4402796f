from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from goldilocks import plugins
from goldilocks.classical.ngram_features import Grams
from goldilocks.classical.ngram_linear import NgramConfig, NgramLinear, Solution, fitted_temperature, restored
from goldilocks.errors import InputError
from goldilocks.protocols import Ints
from goldilocks.records import Goal, Part
from goldilocks.support.text.units import word_pattern
from goldilocks.testing import tiny


def _trained(family: str, name: str, language: str = "en") -> NgramLinear:
    plugin = plugins.load("families", family)
    facts = next(entry for entry in plugin.models() if entry.name == name)
    part = tiny.part(language=language)
    model = plugin.create(facts, None, Part(), tiny.GOAL, seed=0)
    assert isinstance(model, NgramLinear)
    model.fit(part.texts, part.gold, seed=0)
    return model


def test_values_are_the_tfidf_of_scikit_learn() -> None:
    seen: list[sp.csr_array] = []

    def keep(values: sp.csr_array, answers: Ints, n_labels: int, start: Solution | None) -> Solution:
        seen.append(values)
        return Solution(np.zeros((values.shape[1], n_labels), np.float32), np.zeros(n_labels, np.float32))

    part = tiny.part(30)
    model = NgramLinear(tiny.LABELS, NgramConfig((Grams("word", 1, 2),), tfidf=True, most_terms=1000), keep)
    model.fit(part.texts, part.gold, seed=0)

    reference = TfidfVectorizer(token_pattern=word_pattern().pattern, ngram_range=(1, 2), sublinear_tf=True)
    expected = reference.fit_transform(part.texts).toarray()
    columns = [reference.vocabulary_[term] for term in model.vocabulary.terms[0]]
    assert np.allclose(seen[-1].toarray(), expected[:, columns], atol=1e-6)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("family", "name"),
    [("naive_bayes", "word12"), ("naive_bayes", "char24"), ("tfidf_linear", "word"), ("tfidf_linear", "word_char")],
)
def test_separable_texts_never_seen_are_answered_right(family: str, name: str, language: str) -> None:
    model = _trained(family, name, language)
    new = tiny.part(60, language=language, seed=1)
    answers = [model.labels[i] for i in model.predict(new.texts).probabilities.argmax(1)]
    right = sum(answer == other for answer, other in zip(answers, new.gold, strict=True))
    # Written without spaces, half the 2- to 4-character runs lie across words, and counting them misleads.
    assert right >= (48 if (name, language) == ("char24", "zh") else 57)


def test_temperature_gives_the_log_loss_of_the_shares_back() -> None:
    # Of 10 000 items, 8 000 are of the label that scores 8 higher. softmax(8 / T) = 0.8 at T = 8 / ln 4.
    scores = np.tile([8.0, 0.0], (10_000, 1))
    answers = np.array([0] * 8_000 + [1] * 2_000)
    assert fitted_temperature(scores, answers) == pytest.approx(8 / np.log(4), rel=0.02)


def test_answers_that_are_all_right_do_not_make_the_model_certain() -> None:
    # 18 of 18 right: 1 - 1/20 = 0.95 to the label that scores 8 higher, at T = 8 / ln 19.
    temperature = fitted_temperature(np.tile([8.0, 0.0], (18, 1)), np.zeros(18, dtype=np.int64))
    assert temperature == pytest.approx(8 / np.log(19), rel=0.02)


def test_probabilities_are_about_as_often_right_as_they_say() -> None:
    rng = np.random.default_rng(0)
    part = tiny.part(900)
    noisy = [label if rng.random() < 0.7 else str(rng.choice(tiny.LABELS)) for label in part.gold]  # 80 % stay right
    for name in ("word12", "char24"):
        plugin = plugins.load("families", "naive_bayes")
        facts = next(entry for entry in plugin.models() if entry.name == name)
        model = plugin.create(facts, None, Part(), tiny.GOAL, seed=0)
        assert isinstance(model, NgramLinear)
        model.fit(part.texts[:600], noisy[:600], seed=0)
        result = model.predict(part.texts[600:]).probabilities
        right = np.mean([model.labels[i] == entry for i, entry in zip(result.argmax(1), noisy[600:], strict=True)])
        assert float(result.max(1).mean()) == pytest.approx(float(right), abs=0.1)


def test_labels_without_a_text_are_answered_too() -> None:
    plugin = plugins.load("families", "naive_bayes")
    model = plugin.create(plugin.models()[0], None, Part(), Goal(labels=("a", "b", "never")), seed=0)
    assert isinstance(model, NgramLinear)
    model.fit(["soup", "match"], ["a", "b"], seed=0)
    result = model.predict(["soup", "nothing known"]).probabilities
    assert result[0].argmax() == 0
    assert np.isfinite(result).all()


def test_one_label_is_answered_throughout() -> None:
    for family in ("naive_bayes", "tfidf_linear"):
        plugin = plugins.load("families", family)
        model = plugin.create(plugin.models()[0], None, Part(), Goal(labels=("only",)), seed=0)
        assert isinstance(model, NgramLinear)
        model.fit(["soup", "match"], ["only", "only"], seed=0)
        assert model.predict(["soup", ""]).probabilities.tolist() == [[1.0], [1.0]]


def test_fitting_without_texts_or_with_an_unknown_label_is_refused() -> None:
    model = _trained("tfidf_linear", "word")
    with pytest.raises(InputError, match="0 texts and 0 labels"):
        model.fit([], [], seed=0)
    with pytest.raises(InputError, match="2 texts and 1 labels"):
        model.fit(["a", "b"], ["food"], seed=0)
    with pytest.raises(InputError, match="label 'wine', which is not among"):
        model.fit(["a"], ["wine"], seed=0)


def test_texts_without_a_known_ngram_get_the_bias() -> None:
    model = _trained("tfidf_linear", "word")
    nothing, spaces, foreign = model.predict(["", "   ", "вино"]).probabilities
    assert np.array_equal(nothing, spaces)
    assert np.array_equal(nothing, foreign)


def test_saved_files_are_json_and_safetensors(tmp_path: Path) -> None:
    model = _trained("tfidf_linear", "word_char")
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "weights.safetensors"]
    head = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert head["labels"] == list(tiny.LABELS)
    assert [len(kind) for kind in head["terms"]] == [len(kind) for kind in model.vocabulary.terms]


def test_a_restored_model_says_that_it_cannot_be_fitted(tmp_path: Path) -> None:
    _trained("naive_bayes", "word12").save(tmp_path)
    with pytest.raises(InputError, match="cannot be fitted"):
        restored(tmp_path).fit(["a"], ["food"], seed=0)


def test_answering_loads_neither_torch_nor_scikit_learn(tmp_path: Path) -> None:
    _trained("tfidf_linear", "word_char").save(tmp_path)
    script = (
        "import sys, pathlib; from goldilocks import plugins\n"
        "model = plugins.load('families', 'tfidf_linear').restore(pathlib.Path(sys.argv[1]))\n"
        "print(model.labels[model.predict(['soup bread']).probabilities[0].argmax()])\n"
        "print([name for name in ('torch', 'transformers', 'sklearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.splitlines() == ["food", "[]"]


def test_many_labels_keep_fewer_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goldilocks.classical.ngram_linear.MAX_WEIGHTS", 30)
    model = _trained("tfidf_linear", "word")
    assert model.solution.weights.shape == (10, 3)


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_temperature_that_gives_no_probabilities_is_refused(tmp_path: Path, temperature: float) -> None:
    _trained("naive_bayes", "word12").save(tmp_path)
    stored = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(stored | {"temperature": temperature}))
    with pytest.raises(ValueError, match="not positive and finite"):
        restored(tmp_path)
