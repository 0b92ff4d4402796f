from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from race_records import candidate

from goldilocks.events import Event, ModelScreened
from goldilocks.protocols import Floats
from goldilocks.records import Candidate, DataProfile, Dataset, ModelInfo, Part, Pool, Text
from goldilocks.selection.screen import ScreeningPlan, corrected_interval, screen
from goldilocks.support.files import from_json, to_json

LABELS = ("a", "b", "c")
PROFILE = DataProfile({}, {}, {}, {}, "en", {})


def _dataset(rows: int = 240) -> Dataset:
    gold = tuple(LABELS[i % 3] for i in range(rows))
    texts = tuple(f"{label} {i}" for i, label in enumerate(gold))
    sealed = Part(("sealed",), ("a",), (1,))
    return Dataset(Part(texts, gold, tuple(range(rows))), sealed, sealed, LABELS, "print", PROFILE)


def _pretrained(
    name: str, parameters: int = 100, methods: Sequence[str] = ("full",), depth: int = 0
) -> list[Candidate]:
    facts = replace(
        candidate(f"encoder/{name}/full").model,
        source=f"hf://x/{name}",
        groups=("head",),
        parameters=parameters,
        depth=depth,
        width=64,
    )
    return [Candidate(facts, method) for method in methods]


def _features(gaps: Mapping[str, float], seen: list[Text] | None = None, layers: int = 3) -> Any:
    """Features whose top layer tells the labels apart by ``gaps[model]``; layers below by less."""

    def features(facts: ModelInfo, texts: Sequence[Text], seconds: float = 0.0) -> Floats:
        if seen is not None:
            seen.extend(texts)
        rng = np.random.default_rng(0)
        signal = np.eye(8)[[LABELS.index(text[0]) for text in texts]]
        shares = np.linspace(0.2, 1.0, layers)
        stack = [gaps[facts.name] * share * signal + rng.normal(size=signal.shape) for share in shares]
        return np.stack(stack, 1).astype(np.float32)

    return features


def _pool(*groups: list[Candidate]) -> Pool:
    return Pool(tuple(entry for group in groups for entry in group), {})


def test_model_that_cannot_be_looked_at_falls_out_and_the_others_are_looked_at() -> None:
    features, watched = _features({"good": 4.0}), list[Sequence[str]]()  # a KeyError for the other

    @contextmanager
    def watch(names: Sequence[str]) -> Iterator[list[str]]:
        fallen: list[str] = []
        watched.append(names)
        try:
            yield fallen
        except KeyError:
            fallen.extend(names)

    pool = _pool(_pretrained("broken", 100), _pretrained("good", 200))
    result = screen(_dataset(), pool, features=features, plan=ScreeningPlan(60, seed=0), watch=watch)

    assert [look.model for look in result.looks] == ["encoder/good"]
    assert watched[0] == [entry.name for entry in pool.candidates if "broken" in entry.name]
    assert result.kept == tuple(entry.name for entry in pool.candidates if "good" in entry.name)
    assert result.cut == ()


def test_informative_features_come_first_in_every_ranking() -> None:
    pool = _pool(_pretrained("noise", 200), _pretrained("good", 100))
    result = screen(_dataset(), pool, features=_features({"noise": 0.0, "good": 4.0}), plan=ScreeningPlan(60, seed=0))
    for name, ranking in result.rankings.items():
        if name not in ("size_only", "random"):
            assert ranking == ("encoder/good", "encoder/noise"), name
    assert {"h_score", "log_me", "knn", "linear_probe", "size_only", "random"} <= set(result.rankings)
    assert result.rankings["size_only"] == ("encoder/noise", "encoder/good")  # the larger first


def test_the_surely_worse_are_cut_with_every_one_of_their_candidates_and_a_reason_in_numbers() -> None:
    good = [_pretrained(f"good{i}") for i in range(3)]
    pool = _pool(*good, _pretrained("noise", methods=("full", "head_only")))
    gaps = {"good0": 4.0, "good1": 4.0, "good2": 4.0, "noise": 0.0}
    result = screen(_dataset(), pool, features=_features(gaps), plan=ScreeningPlan(60, seed=0, keep=3))
    assert result.kept == ("encoder/good0/full", "encoder/good1/full", "encoder/good2/full")
    assert [name.candidate for name in result.cut] == ["encoder/noise/full", "encoder/noise/head_only"]
    assert "% wrong" in result.cut[0].reason
    assert "3 models are surely better" in result.cut[0].reason


def test_no_model_within_the_interval_of_the_cut_is_cut() -> None:
    gaps = {f"m{i}": 2.0 + 0.01 * i for i in range(4)}
    pool = _pool(*(_pretrained(name) for name in gaps))
    result = screen(_dataset(), pool, features=_features(gaps), plan=ScreeningPlan(60, seed=0, keep=1))
    assert len(result.kept) == 4
    assert result.cut == ()


def test_with_fewer_models_than_are_kept_none_is_cut() -> None:
    pool = _pool(_pretrained("noise"), _pretrained("good"))
    result = screen(_dataset(), pool, features=_features({"noise": 0.0, "good": 4.0}), plan=ScreeningPlan(60, seed=0))
    assert result.cut == ()


def test_candidates_without_features_go_on_unseen() -> None:
    counts, net = candidate("naive_bayes/unigram/scratch"), candidate("cnn/textcnn/scratch")
    result = screen(_dataset(), _pool([counts, net]), features=_features({}), plan=ScreeningPlan(60, seed=0))
    assert result.kept == (counts.name, net.name)
    assert result.looks == ()
    assert result.rankings["random"] == ()


def test_only_the_train_part_is_looked_at_and_every_model_reads_it_once() -> None:
    dataset, seen = _dataset(), list[Text]()
    pool = _pool(_pretrained("m", methods=("full", "head_only")))
    screen(dataset, pool, features=_features({"m": 1.0}, seen), plan=ScreeningPlan(60, seed=0))
    assert sorted(seen) == sorted(dataset.train.texts)


def test_the_sample_is_stratified_and_no_larger_than_asked() -> None:
    seen: list[Text] = []
    screen(
        _dataset(900),
        _pool(_pretrained("m")),
        features=_features({"m": 1.0}, seen),
        plan=ScreeningPlan(60, seed=0, rows=300),
    )
    assert [sum(text[0] == label for text in seen) for label in LABELS] == [100, 100, 100]


def test_the_layer_that_tells_the_labels_apart_is_found() -> None:
    def middle(facts: ModelInfo, texts: Sequence[Text], seconds: float) -> Floats:
        states = _features({"m": 0.0})(facts, texts)
        states[:, 1] += 4 * np.eye(8, dtype=np.float32)[[LABELS.index(text[0]) for text in texts]]
        return np.asarray(states)

    (look,) = screen(_dataset(), _pool(_pretrained("m")), features=middle, plan=ScreeningPlan(60, seed=0)).looks
    assert look.layer == 1
    assert look.probe_loss < 0.1
    assert look.estimates["probe_accuracy"].value == pytest.approx(1 - look.probe_loss)


def test_log_me_is_kept_out_of_the_ranking_where_there_are_fewer_texts_than_features() -> None:
    def wide(facts: ModelInfo, texts: Sequence[Text], seconds: float) -> Floats:
        width = 300 if facts.name == "wide" else 8
        return np.random.default_rng(0).normal(size=(len(texts), 1, width)).astype(np.float32)

    pool = _pool(_pretrained("wide"), _pretrained("narrow"))
    result = screen(_dataset(), pool, features=wide, plan=ScreeningPlan(60, seed=0))
    assert result.rankings["log_me"] == ("encoder/narrow",)
    estimates = {look.model: set(look.estimates) for look in result.looks}
    assert "log_me_distrusted" in estimates["encoder/wide"]
    assert "log_me" in estimates["encoder/narrow"]


def test_models_there_is_no_time_for_go_on_unseen() -> None:
    pool = _pool(_pretrained("small"), _pretrained("large", depth=1000))
    result = screen(
        _dataset(), pool, features=_features({"small": 1.0, "large": 1.0}), plan=ScreeningPlan(1e-6, seed=0)
    )
    assert [look.model for look in result.looks] == ["encoder/small"]
    assert len(result.kept) == 2


def test_where_no_model_can_be_cut_each_has_a_share_of_less_time_and_may_answer_for_the_first_texts_only() -> None:
    given: dict[str, float] = {}

    def slow(facts: ModelInfo, texts: Sequence[Text], seconds: float) -> Floats:
        given[facts.name] = seconds
        return np.asarray(_features({facts.name: 4.0})(facts, texts[:120]))

    pool = _pool(_pretrained("m"), _pretrained("n", 200))
    result = screen(_dataset(600), pool, features=slow, plan=ScreeningPlan(100.0, seed=0))
    assert given["m"] == pytest.approx(20.0, abs=1.0)  # of 40 s, for two models
    assert given["n"] == pytest.approx(40.0, abs=5.0)  # what the first has left
    assert [look.probe_loss < 0.1 for look in result.looks] == [True, True]
    cutting = screen(_dataset(600), pool, features=slow, plan=ScreeningPlan(100.0, seed=0, keep=1))
    assert given["m"] == pytest.approx(100.0, abs=1.0)
    assert len(cutting.kept) == 2


def test_every_beginning_of_the_sample_has_all_labels() -> None:
    gold = tuple(LABELS[i // 200] for i in range(600))  # sorted by label, as files often are
    texts = tuple(f"{label} {i}" for i, label in enumerate(gold))
    dataset = replace(_dataset(), train=Part(texts, gold, tuple(range(600))))
    seen: list[Text] = []
    screen(dataset, _pool(_pretrained("m")), features=_features({"m": 1.0}, seen), plan=ScreeningPlan(60, seed=0))
    assert [sum(text[0] == label for text in seen[:60]) for label in LABELS] == [20, 20, 20]


def test_each_screened_model_is_reported() -> None:
    events: list[Event] = []
    screen(
        _dataset(),
        _pool(_pretrained("m")),
        features=_features({"m": 1.0}),
        plan=ScreeningPlan(60, seed=0),
        progress=events.append,
    )
    assert [event.result.model for event in events if isinstance(event, ModelScreened)] == ["encoder/m"]


def test_the_same_seed_gives_the_same_looks_and_they_survive_the_disk() -> None:
    pool = _pool(_pretrained("m"), _pretrained("n"))
    first, second = (
        screen(_dataset(), pool, features=_features({"m": 1.0, "n": 0.5}), plan=ScreeningPlan(60, seed=3))
        for _ in range(2)
    )
    assert [look.estimates for look in first.looks] == [look.estimates for look in second.looks]
    assert first.rankings == second.rankings
    assert from_json(type(first), to_json(first), where=Path("x")) == first


def test_the_corrected_interval_by_hand() -> None:
    # Two splits, 1 and 3: mean 2, variance 2; (1/2 + 0.25/0.75) * 2 = 5/3; t(0.975, 1 df) = 12.706.
    mean, low, high = corrected_interval([1.0, 3.0], 0.25)
    assert mean == 2
    assert high - mean == mean - low == pytest.approx(12.7062 * (5 / 3) ** 0.5, rel=1e-4)
    assert corrected_interval([0.4], 0.25) == (0.4, 0.4, 0.4)
