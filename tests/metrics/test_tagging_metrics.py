from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import classification_report

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.evaluation.score import score

TAGS = ["O", "O", "O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-ORG", "B-MISC"]


def _made_up(seed: int) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Sentences whose tags are not always well formed, and answers of which most are right."""
    rng = np.random.default_rng(seed)
    gold = [tuple(rng.choice(TAGS, rng.integers(1, 12)).tolist()) for _ in range(80)]
    answers = [tuple(tag if rng.random() < 0.8 else str(rng.choice(TAGS)) for tag in tags) for tags in gold]
    return gold, answers


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("kind", ["f1", "precision", "recall"])
def test_entity_metrics_are_those_of_seqeval(kind: str, seed: int) -> None:
    seqeval = pytest.importorskip("seqeval.metrics")
    gold, answers = _made_up(seed)
    expected = getattr(seqeval, f"{kind}_score")(
        [list(answer) for answer in gold], [list(answer) for answer in answers]
    )
    assert score(plugins.load("metrics", f"entity_{kind}"), gold, answers) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_token_level_report_is_that_of_scikit_learn(seed: int) -> None:
    gold, answers = _made_up(seed)
    flat = [[tag for tags in entry for tag in tags] for entry in (gold, answers)]
    report = classification_report(*flat, output_dict=True, zero_division=0)
    micro, macro = (score(plugins.load("metrics", f"token_{entry}_f1"), gold, answers) for entry in ("micro", "macro"))
    assert micro == pytest.approx(report["accuracy"], abs=1e-9)
    assert macro == pytest.approx(report["macro avg"]["f1-score"], abs=1e-9)


@pytest.mark.parametrize("name", ["entity_f1", "entity_precision", "entity_recall", "token_micro_f1", "token_macro_f1"])
def test_right_answers_score_one_and_another_length_is_refused(name: str) -> None:
    metric = plugins.load("metrics", name)
    gold, _ = _made_up(3)
    assert score(metric, gold, gold) == 1.0
    with pytest.raises(InputError, match="item 1 has"):
        metric.items([("O", "O")], [("O",)])


def test_sentence_without_entities_and_without_claims_is_right() -> None:
    entity_f1 = plugins.load("metrics", "entity_f1")
    assert score(entity_f1, [("O",)], [("O",)]) == 1.0
    assert score(entity_f1, [("O",)], [("B-PER",)]) == 0.0
