from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.evaluation.score import score
from goldilocks.nets.backbones.base import pool
from goldilocks.nets.backbones.bi_encoder import BiEncoderBackbone, joined
from goldilocks.nets.heads.pair_scorer import CANDIDATES, PairScorer, PairScorerConfig
from goldilocks.nets.tokenization.batching import padded
from goldilocks.records import Candidate, Goal, ModelInfo, Output, Part, TrainingConfig, Workload
from goldilocks.testing import tiny
from goldilocks.tuning.run import Run, RunSetup

GOAL = Goal(Output.SCORE)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder_folder(tmp_path_factory.mktemp("scorer") / "encoder")


def _facts(checkpoint: Path) -> ModelInfo:
    result = plugins.load("families", "encoder").describe(checkpoint, str(checkpoint))
    assert result is not None
    return result


def _scorer(checkpoint: Path, part: Part) -> PairScorer:
    result = plugins.load("families", "encoder").create(_facts(checkpoint), checkpoint, part, GOAL, seed=0)
    assert isinstance(result, PairScorer)
    return result


def _run(checkpoint: Path, part: Part, method: str = "full") -> Run:
    work = Workload(len(part), 30, 6, 0)
    fast = TrainingConfig(epochs=15, learning_rate=2e-3, head_learning_rate=1e-2)  # the weights know nothing to lose
    return Run(
        Candidate(_facts(checkpoint), method),
        part,
        GOAL,
        RunSetup(model_folder=checkpoint, work=work, seed=0, config=fast),
    )


def _pairs() -> Part:
    return next(case.part for case in tiny.cases([Output.SCORE]) if case.name == "scores")


def _head(scorer: PairScorer) -> PairScorerConfig:
    return cast(PairScorerConfig, scorer.config.head)


def _lists() -> Part:
    """Which of three candidates is about the query's thing; the query has none of its words."""
    words = {"food": "soup bread", "money": "bank loan", "sport": "match goal"}
    part = tiny.part(60)
    gold = tuple(tuple(float(name == label) for name in words) for label in part.gold)
    return Part(tuple((str(text), *words.values()) for text in part.texts), gold, part.rows)


def test_pairs_get_a_cross_encoder_and_lists_a_bi_encoder(checkpoint: Path) -> None:
    assert not _head(_scorer(checkpoint, _pairs())).bi_encoder
    assert _head(_scorer(checkpoint, _lists())).bi_encoder


def test_sentence_transformers_checkpoint_is_a_bi_encoder(tmp_path: Path) -> None:
    folder = tiny.encoder_folder(tmp_path / "sentences")
    (folder / "1_Pooling").mkdir()
    scorer = _scorer(folder, _pairs())
    assert _head(scorer).bi_encoder
    same, other = scorer.predict([("soup bread", "soup bread"), ("soup bread", "bank")]).values
    assert same == pytest.approx(1.0)  # a cosine of 1, on the scale of 0 to 1 that holds before training
    assert float(str(other)) < 1


@pytest.mark.parametrize("method", ["full", "head_only"])
def test_scores_of_pairs_are_learnt_and_stay_in_their_range(method: str, checkpoint: Path) -> None:
    part = tiny.part(150)
    halves = [str(text).rsplit(" ", 3) for text in part.texts]
    scaled = Part(
        texts=tuple((start, " ".join(rest)) for start, *rest in halves),
        gold=tuple(150.0 if label == "food" else 100.0 for label in part.gold),
        rows=part.rows,
    )
    run = _run(checkpoint, scaled, method)
    run.advance(1.0)
    values = [float(str(value)) for value in run.predict(scaled.texts).values]
    assert score(plugins.load("metrics", "pearson"), scaled.gold, values) > (0.9 if method == "full" else 0.3)
    assert min(values) >= 100
    assert max(values) <= 150


@pytest.mark.parametrize("method", ["full", "head_only", "lora"])
def test_candidates_are_brought_into_the_right_order(method: str, checkpoint: Path) -> None:
    part = _lists()
    run = _run(checkpoint, part, method)
    before = score(plugins.load("metrics", "mrr"), part.gold, run.predict(part.texts).values)
    run.advance(1.0)
    after = score(plugins.load("metrics", "mrr"), part.gold, run.predict(part.texts).values)
    assert after > max(before, 0.9 if method == "full" else 0.65)


def test_run_that_was_cut_goes_on_where_it_stood(checkpoint: Path, tmp_path: Path) -> None:
    whole, cut = _run(checkpoint, _lists()), _run(checkpoint, _lists())
    whole.advance(0.2)
    cut.advance(0.1)
    cut.save(tmp_path)
    again = _run(checkpoint, _lists())
    again.resume_from(tmp_path)
    again.advance(0.2)
    texts = _lists().texts[:5]
    first, second = (np.array(entry.predict(texts).values) for entry in (whole, again))
    assert np.allclose(first, second, atol=1e-4)


def test_texts_of_a_row_are_read_as_if_alone(checkpoint: Path) -> None:
    scorer = _scorer(checkpoint, _lists())
    backbone = scorer.backbone
    assert isinstance(backbone, BiEncoderBackbone)
    texts = ["soup", "a bank with a loan about the bank", "soup", "match"]
    single = super(PairScorer, scorer).rows(texts)
    batch = padded([joined(single[:2], 0), joined(single[2:], 1)], 0)
    with torch.no_grad():
        result = backbone(batch)
        alone = [pool(backbone.inner(padded([entry], 0)), torch.ones(1, len(entry)), "mean")[0] for entry in single]
    assert torch.allclose(result, torch.stack(alone), atol=1e-5)
    backbone.requires_grad_(False)  # then texts are kept
    with torch.no_grad():
        assert torch.allclose(backbone(batch), backbone(batch))
        assert torch.allclose(backbone(batch), torch.stack(alone), atol=1e-5)


def test_long_list_is_learnt_in_pieces(checkpoint: Path) -> None:
    many = CANDIDATES + 6
    item = ("soup", *(f"bread {'x' * place}" for place in range(many)))
    scorer = _scorer(checkpoint, Part((item,), ((0.0,) * many,)))
    rows = scorer.rows([item])
    assert [row.first for row in rows] == [0, many // 2]
    gold = tuple(float(place in (1, many - 1)) for place in range(many))
    targets = scorer.targets(rows, [gold])
    assert [int(target.argmax()) for target in targets] == [1, many // 2 - 1]
    assert [float(target.sum()) for target in targets] == [1.0, 1.0]


def test_list_without_a_relevant_candidate_teaches_nothing(checkpoint: Path) -> None:
    items = (("soup", "bread", "bank"), ("match", "goal", "loan"))
    scorer = _scorer(checkpoint, Part(items, ((0.0, 0.0), (0.0, 0.0))))
    rows = scorer.rows(items)
    batch = padded(rows, 0)
    loss = scorer.loss(scorer.backbone(batch), batch, scorer.targets(rows, [(0.0, 0.0), (0.0, 0.0)]))
    assert float(loss.detach()) == 0.0


def test_network_for_pairs_also_ranks_candidates(checkpoint: Path) -> None:
    scorer = _scorer(checkpoint, _pairs())
    listed = scorer.predict([("soup", "bread", "bank")]).values[0]
    assert isinstance(listed, tuple)
    low, high = _head(scorer).low, _head(scorer).high
    pairs = scorer.predict([("soup", "bread"), ("soup", "bank")]).values
    assert pairs == pytest.approx([min(max(model, low), high) for model in map(float, listed)], abs=1e-5)
