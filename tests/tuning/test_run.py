from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.answers import Answers
from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.nets.network import Network
from goldilocks.records import Candidate, Part, Schedule, Text, TrainingConfig, Workload
from goldilocks.testing import tiny
from goldilocks.tuning.run import Run, RunSetup, tune

PART = tiny.part(48)
WORK = Workload(rows=48, characters=30, words=6, labels=3)
RECIPE = TrainingConfig(epochs=2, learning_rate=2e-3, head_learning_rate=1e-2, batch_rows=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder_folder(tmp_path_factory.mktemp("run") / "tiny-encoder")


def network_run(
    folder: Path,
    method: str = "full",
    *,
    seed: int = 0,
    config: TrainingConfig | None = RECIPE,
    training: Mapping[str, Any] | None = None,
) -> Run:
    info = plugins.load("families", "encoder").describe(folder, str(folder))
    assert info is not None
    setup = RunSetup(model_folder=folder, work=WORK, seed=seed, config=config, training=training or {})
    return Run(Candidate(info, method), PART, tiny.GOAL, setup)


def fitted_run(seed: int = 0) -> Run:
    info = plugins.load("families", "naive_bayes").models()[0]
    return Run(Candidate(info, "scratch"), PART, tiny.GOAL, RunSetup(model_folder=None, work=WORK, seed=seed))


@pytest.mark.parametrize("share", [0.3, 1.0])
@pytest.mark.parametrize("method", ["full", "head_only", "top_layers", "lora", "bias_only"])
def test_a_run_taken_up_in_a_new_process_answers_and_ends_the_same(
    folder: Path, method: str, share: float, tmp_path: Path
) -> None:
    straight = network_run(folder, method)
    straight.advance(share)
    straight.save(tmp_path)
    again = network_run(folder, method)
    again.resume_from(tmp_path)

    assert (again.share, again.seconds) == (straight.share, straight.seconds)
    assert np.array_equal(again.predict(PART.texts).probabilities, straight.predict(PART.texts).probabilities)
    for run in (straight, again):
        run.advance(1.0)
    # Frozen states that were kept are computed again, in other batches: equal but for rounding.
    assert np.allclose(again.predict(PART.texts).probabilities, straight.predict(PART.texts).probabilities, atol=2e-2)


def test_resuming_goes_on_bit_for_bit_where_every_weight_learns(folder: Path, tmp_path: Path) -> None:
    straight, first, second = (network_run(folder) for _ in range(3))
    straight.advance(1.0)
    first.advance(0.5)
    first.save(tmp_path)
    second.resume_from(tmp_path)
    second.advance(1.0)
    assert np.array_equal(second.predict(PART.texts).probabilities, straight.predict(PART.texts).probabilities)


def test_a_checkpoint_replaces_the_one_before_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    run = network_run(folder)
    for share in (0.2, 0.5, 1.0):
        run.advance(share)
        run.save(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert json.loads((tmp_path / "run.json").read_text())["share"] == 1.0


def test_a_write_cut_short_leaves_the_checkpoint_before(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = network_run(folder)
    run.advance(0.3)
    run.save(tmp_path)
    before = run.predict(PART.texts).probabilities
    run.advance(0.6)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("goldilocks.nets.training.checkpoints.write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        run.save(tmp_path)
    again = network_run(folder)
    again.resume_from(tmp_path)
    assert np.array_equal(again.predict(PART.texts).probabilities, before)


def test_a_checkpoint_of_another_seed_is_refused(folder: Path, tmp_path: Path) -> None:
    run = network_run(folder)
    run.advance(0.3)
    run.save(tmp_path)
    with pytest.raises(IntegrityError, match="is of seed 0, this run of 1"):
        network_run(folder, seed=1).resume_from(tmp_path)


def test_a_checkpoint_of_other_options_is_refused(folder: Path, tmp_path: Path) -> None:
    info = plugins.load("families", "encoder").describe(folder, str(folder))
    assert info is not None
    options = plugins.load("methods", "lora").Options

    def lora(rank: int) -> Run:
        made = {"model_folder": folder, "work": WORK, "seed": 0, "config": RECIPE, "options": options(rank=rank)}
        return Run(Candidate(info, "lora"), PART, tiny.GOAL, RunSetup(**made))

    run = lora(4)
    run.advance(0.3)
    run.save(tmp_path)
    lora(4).resume_from(tmp_path)
    with pytest.raises(IntegrityError, match=r"is of options .*'rank': 4.*, this run of .*'rank': 8"):
        lora(8).resume_from(tmp_path)


def test_a_damaged_checkpoint_is_named(folder: Path, tmp_path: Path) -> None:
    run = network_run(folder)
    run.advance(0.3)
    run.save(tmp_path)
    file = next(tmp_path.glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(IntegrityError, match="damaged"):
        network_run(folder).resume_from(tmp_path)


def test_no_checkpoint_is_an_answer(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="holds no checkpoint"):
        network_run(folder).resume_from(tmp_path)


@pytest.mark.parametrize("method", ["full", "lora", "top_layers"])
def test_the_model_answers_as_the_run_and_is_restored_by_its_family(folder: Path, method: str, tmp_path: Path) -> None:
    run = network_run(folder, method)
    run.advance(0.5)
    model = run.model
    model.save(tmp_path)
    restored = plugins.load("families", "encoder").restore(tmp_path)
    for entry in (model, restored):
        assert np.allclose(entry.predict(PART.texts).probabilities, run.predict(PART.texts).probabilities, atol=1e-5)
    assert isinstance(restored, Network)
    untouched = plugins.load("families", "encoder").create(run.candidate.model, folder, PART, tiny.GOAL, seed=0)
    assert restored.size_bytes() == untouched.size_bytes()  # additions are merged, not carried along


def test_taking_the_model_does_not_disturb_training(folder: Path) -> None:
    disturbed, quiet = network_run(folder, "lora"), network_run(folder, "lora")
    disturbed.advance(0.5)
    before = disturbed.model.predict(PART.texts).probabilities
    kept = disturbed.model
    for run in (disturbed, quiet):
        run.advance(1.0)
    assert np.array_equal(disturbed.predict(PART.texts).probabilities, quiet.predict(PART.texts).probabilities)
    assert np.array_equal(kept.predict(PART.texts).probabilities, before)  # nor does training disturb the model


def test_a_fitted_model_is_fitted_on_the_share_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    run = fitted_run()
    seen: list[tuple[Text, ...]] = []
    create = run._family.create

    def watching(info: object, folder: object, part: Part, labels: object, *, seed: int) -> object:
        seen.append(part.texts)
        return create(info, folder, part, labels, seed=seed)  # type: ignore[arg-type]

    monkeypatch.setattr(run._family, "create", watching)
    for share in (0.25, 0.5, 1.0):
        run.advance(share)
        assert run.share == share
    assert [len(texts) for texts in seen] == [12, 24, 48]
    assert set(seen[0]) <= set(seen[1])
    assert seen[2] == PART.texts


def test_a_fitted_run_is_taken_up_again(tmp_path: Path) -> None:
    run = fitted_run()
    run.advance(0.5)
    run.save(tmp_path)
    again = fitted_run()
    again.resume_from(tmp_path)
    assert again.share == 0.5
    assert np.allclose(again.predict(PART.texts).probabilities, run.predict(PART.texts).probabilities, atol=1e-5)


def test_a_fitted_model_must_learn_before_it_answers() -> None:
    with pytest.raises(InputError, match="is not fitted yet"):
        fitted_run().predict(["a"])


def test_a_fitted_model_takes_no_recipe() -> None:
    run = fitted_run()
    with pytest.raises(InputError, match="takes no training config"):
        Run(run.candidate, PART, tiny.GOAL, RunSetup(model_folder=None, work=WORK, seed=0, config=RECIPE))


def test_stop_leaves_the_run_where_it_stood(folder: Path) -> None:
    run = network_run(folder)
    run.advance(1.0, stop=lambda: run._learner is not None and run._learner.steps >= 4)
    assert run.share == pytest.approx(4 / 12)
    assert run.seconds > 0


def test_patience_ends_early_and_keeps_the_best(folder: Path) -> None:
    run = network_run(folder, config=replace(RECIPE, epochs=8, patience=2))
    scores = iter([0.5, 0.9, 0.6, 0.7, 1.0])
    looked_at: list[Answers] = []

    def score(answers: Answers) -> float:
        looked_at.append(answers)
        return next(scores)

    model = tune(run, PART, score)
    assert run.share == pytest.approx(4 / 8)  # two looks after the best, which was the second
    assert np.allclose(model.predict(PART.texts).probabilities, looked_at[1].probabilities, atol=1e-5)


def test_without_patience_it_runs_to_the_end(folder: Path) -> None:
    run = network_run(folder)
    tune(run, PART, lambda _: 0.0)
    assert run.share == 1


def test_fields_of_the_task_file_replace_those_of_the_method(folder: Path) -> None:
    run = network_run(folder, config=replace(RECIPE, epochs=3), training={"schedule": "cosine", "epochs": 5})
    assert run.config is not None
    assert (run.config.schedule, run.config.epochs) == (Schedule.COSINE, 5.0)


def test_the_range_test_scales_both_rates_and_a_resumed_run_keeps_them(folder: Path, tmp_path: Path) -> None:
    run = network_run(folder, training={"rate_test": True})
    run.advance(0.5)
    assert run.config is not None
    factor = run.config.learning_rate / RECIPE.learning_rate
    assert 0.001 <= factor <= 10.0
    assert run.config.head_learning_rate == pytest.approx(RECIPE.head_learning_rate * factor)
    run.save(tmp_path)

    again = network_run(folder, training={"rate_test": True})
    again.resume_from(tmp_path)
    again.advance(1.0)
    run.advance(1.0)
    assert again.config == run.config
    assert np.array_equal(again.predict(PART.texts).probabilities, run.predict(PART.texts).probabilities)


def test_a_run_shortened_before_it_begins_is_the_run_planned_with_fewer_epochs(folder: Path) -> None:
    short, planned = network_run(folder), network_run(folder, training={"epochs": 1})
    short.shorten(0.5)
    for run in (short, planned):
        run.advance(1.0)

    assert short.schedule_share == 0.5
    assert np.array_equal(short.predict(PART.texts).probabilities, planned.predict(PART.texts).probabilities)


def test_a_run_cut_under_way_ends_early_and_resumes_to_the_same_end(folder: Path, tmp_path: Path) -> None:
    steps: list[float] = []
    straight = network_run(folder)
    straight.advance(0.25)
    straight.shorten(0.5)
    assert straight.share == pytest.approx(0.5)  # a quarter of the epochs is half of the shorter run
    straight.advance(0.75, on_step=steps.append)
    straight.save(tmp_path)
    again = network_run(folder)
    again.resume_from(tmp_path)
    for run in (straight, again):
        run.advance(1.0)

    assert len(steps) == 2  # 12 steps were planned (48 rows, 8 in a batch, 2 epochs): 3 + 3, of which 1.5 by .75
    assert (again.share, again.schedule_share) == (1.0, 0.5)
    assert np.array_equal(again.predict(PART.texts).probabilities, straight.predict(PART.texts).probabilities)


def test_a_fitted_run_has_no_schedule_to_shorten() -> None:
    with pytest.raises(ValueError, match="has no training schedule"):
        fitted_run().shorten(0.5)
