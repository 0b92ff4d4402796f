from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.events import Event, PurchaseStarted, silent
from goldilocks.fine_tune import tune_one
from goldilocks.records import Candidate, DataProfile, Dataset, TrainingConfig
from goldilocks.selection.tune_single import TuningPlan
from goldilocks.selection.tuning_search import SearchPlan, TuningSearch, as_fields, searched
from goldilocks.settings import RunSettings, task_from
from goldilocks.testing import tiny

DATA = Dataset(
    tiny.part(48), tiny.part(30, seed=1), tiny.part(0), tiny.LABELS, "abc", DataProfile({}, {}, {}, {}, "en", {})
)
METRIC = plugins.load("metrics", "accuracy")


def search(
    folder: Path, trials: int, *, resume: bool = False, candidate: str = "cnn", **overrides: str
) -> TuningSearch:
    model = plugins.load("families", candidate).models()[0]
    given = {"epochs": "2", **overrides} if candidate == "cnn" else overrides
    plan = SearchPlan(trials, folder, resume)
    return TuningSearch(Candidate(model, "scratch"), DATA, METRIC, given, TuningPlan(0), plan, silent)


def lines(folder: Path) -> list[dict[str, object]]:
    trials = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    return [{key: value for key, value in trial.items() if key not in ("seconds", "checksum")} for trial in trials]


def test_an_interrupted_search_continues_with_the_same_proposals(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    model, score, best = search(whole, 7).run()
    search(cut, 3).run()
    again, score_again, best_again = search(cut, 7, resume=True).run()

    assert lines(whole) == lines(cut)
    assert best.options == best_again.options
    assert score.value == score_again.value == best.scores["1"]
    texts = DATA.validation.texts
    assert (model.predict(texts).probabilities == again.predict(texts).probabilities).all()
    complete = [trial["scores"]["1"] for trial in lines(whole) if not trial["pruned"]]  # type: ignore[index]
    assert best.scores["1"] == max(complete)


def test_the_first_trial_is_the_candidate_s_own_config(tmp_path: Path) -> None:
    search(tmp_path, 1).run()
    (trial,) = lines(tmp_path)
    assert trial["options"]["rate_factor"] == 1.0  # type: ignore[index]
    assert set(trial["options"]) == {"rate_factor", "weight_decay", "dropout"}  # type: ignore[call-overload]


def test_a_trial_below_the_median_of_a_rung_ends_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([0.5, 0.6, 0.7] * 4 + [0.1])  # four trials up to the end, then one that begins badly
    monkeypatch.setattr("goldilocks.selection.tuning_search.score", lambda *_: next(scores))
    search(tmp_path, 5).run()
    *complete, last = lines(tmp_path)
    assert [trial["pruned"] for trial in complete] == [False] * 4
    assert last["pruned"] is True
    assert last["scores"] == {"0.1": 0.1}


def test_given_options_are_not_searched_and_ranges_lie_around_the_config() -> None:
    config = TrainingConfig(4, 1e-4, 1e-3, dropout=0.5)
    assert set(searched(config, {})) == {"rate_factor", "epoch_factor", "weight_decay", "dropout"}
    assert set(searched(config, {"head_learning_rate": 1, "dropout": 0})) == {"epoch_factor", "weight_decay"}
    assert searched(config, {})["dropout"].high == 0.7
    fields = as_fields({"rate_factor": 2.0, "epoch_factor": 0.5}, config)
    assert fields == {"learning_rate": 2e-4, "head_learning_rate": 2e-3, "epochs": 2.0}


def test_a_folder_with_a_search_is_neither_overwritten_nor_mixed(tmp_path: Path) -> None:
    search(tmp_path, 1).run()
    with pytest.raises(InputError, match="holds a search; continue it with --resume"):
        search(tmp_path, 2).run()
    with pytest.raises(InputError, match="search with another given"):
        search(tmp_path, 2, resume=True, batch_rows="8").run()
    other = search(tmp_path, 2, resume=True)
    other.dataset = replace(DATA, fingerprint="def")
    with pytest.raises(InputError, match="search with another data"):
        other.run()


def test_a_damaged_line_is_named_and_a_model_that_was_changed_is_trained_again(tmp_path: Path) -> None:
    model, _, best = search(tmp_path, 1).run()
    path = tmp_path / "trials.jsonl"
    line = json.loads(path.read_text())
    del line["checksum"]
    for change, words in (
        ({"number": 3}, "trial 3 where 0 was due"),
        ({"options": {}}, "other options than are searched"),
        ({"options": line["options"] | {"dropout": 7.0}}, "dropout is 7"),
        ({"scores": {"1": float("nan")}}, "no score at 1"),
        ({"scores": {}}, "no score at 1"),
        ({"scores": 5}, "damaged"),
        ({"checksum": "0" * 32}, "was changed since it was written"),
    ):
        path.write_text(json.dumps(line | change) + "\n" + json.dumps(line) + "\n")
        with pytest.raises(IntegrityError, match=rf"trials\.jsonl line 1: .*{words}"):
            search(tmp_path, 1, resume=True).run()
    path.write_text(json.dumps(line) + "\n")
    for damaged in (tmp_path / "best").iterdir():
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    again, _, best_again = search(tmp_path, 1, resume=True).run()
    assert best_again.options == best.options
    texts = DATA.validation.texts
    assert (model.predict(texts).probabilities == again.predict(texts).probabilities).all()


def test_without_optuna_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingError, match=r"--search needs Optuna: pip install 'goldilocks-lm\[search\]'"):
        search(tmp_path / "s", 1).run()
    task = task_from({"name": "t", "data": {"train": str(tmp_path / "gone.csv")}})
    with pytest.raises(MissingError, match="--search needs Optuna"):  # before the data are looked for
        tune_one(task, "cnn/x/scratch", RunSettings(out=tmp_path / "out"), {}, trials=2)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not trained by gradient descent; --search has nothing"):
        search(tmp_path, 2, candidate="majority").run()
    with pytest.raises(InputError, match="all options that it searches are given"):
        search(tmp_path, 2, learning_rate="0.001", weight_decay="0", dropout="0").run()


def test_each_trial_is_announced(tmp_path: Path) -> None:
    seen: list[Event] = []
    announced = search(tmp_path, 2)
    announced.progress = seen.append
    announced.run()
    starts = [event.why for event in seen if isinstance(event, PurchaseStarted)]
    assert [start.split(":")[0] for start in starts] == ["trial 1 of 2", "trial 2 of 2"]


def test_early_stopping_is_refused_beside_a_search(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"training.patience is 3; --search .* leave patience out"):
        search(tmp_path, 1, patience="3").run()


def encoder_search(folder: Path, method: str, trials: int, **options: float) -> TuningSearch:
    checkpoint = tiny.encoder_folder(folder / "tiny-bert")
    model = plugins.load("families", "encoder").describe(checkpoint, str(checkpoint))
    assert model is not None
    plan = TuningPlan(0, options={method: options} if options else None)
    candidate = Candidate(model, method)
    return TuningSearch(candidate, DATA, METRIC, {"epochs": "0.5"}, plan, SearchPlan(trials, folder / "search"), silent)


def test_continuous_options_of_the_method_are_searched(tmp_path: Path) -> None:
    wanted: list[float] = []
    method = plugins.load("methods", "l2_sp")
    objective = method.objective  # type: ignore[attr-defined]

    def noted(network: object, texts: object, gold: object, options: object) -> object:
        wanted.append(options.strength)  # type: ignore[attr-defined]
        return objective(network, texts, gold, options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(method, "objective", noted)
        encoder_search(tmp_path, "l2_sp", 4).run()
    drawn = [trial["options"]["l2_sp.strength"] for trial in lines(tmp_path / "search")]  # type: ignore[index]
    assert wanted == drawn  # what is proposed is what is trained with
    assert drawn[0] == 0.01  # first the method's own
    assert len(set(drawn)) == 4
    assert all(1e-4 <= value <= 1 for value in drawn)
    assert "weight_decay" not in lines(tmp_path / "search")[0]["options"]  # type: ignore[operator]


def test_an_option_of_the_method_that_is_given_is_not_searched(tmp_path: Path) -> None:
    encoder_search(tmp_path, "l2_sp", 1, strength=0.3).run()
    (trial,) = lines(tmp_path / "search")
    assert set(trial["options"]) == {"rate_factor", "dropout"}  # type: ignore[call-overload]


def test_ranks_are_whole_and_no_higher_than_the_model_is_wide(tmp_path: Path) -> None:
    encoder_search(tmp_path, "lora", 4, alpha=16.0).run()  # its model is 32 wide
    drawn = [trial["options"]["lora.rank"] for trial in lines(tmp_path / "search")]  # type: ignore[index]
    assert drawn[0] == 8  # first the method's own
    assert all(isinstance(rank, int) and 2 <= rank <= 32 for rank in drawn)
    assert len(set(drawn)) > 1
    head = json.loads((tmp_path / "search" / "search.json").read_text(encoding="utf-8"))
    assert head["ranges"]["lora.rank"] == {"low": 2.0, "high": 32.0, "log": True, "whole": True}


@pytest.mark.parametrize("name", plugins.names("methods"))
def test_search_spaces_are_of_options_and_hold_their_defaults(name: str) -> None:
    method = plugins.load("methods", name)
    for option, (low, high) in getattr(method, "SEARCH_SPACE", {}).items():
        assert 0 < low <= getattr(method.Options(), option) <= high
