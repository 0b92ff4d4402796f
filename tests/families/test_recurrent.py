from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.nets.network import Network
from goldilocks.protocols import RestrictsOutputs
from goldilocks.records import Candidate, Goal, Machine, ModelInfo, Output, Part, Workload
from goldilocks.testing import tiny
from goldilocks.tuning.run import Run, RunSetup

WORK = Workload(rows=90, characters=30, words=6, labels=3)
RECURRENT = plugins.load("families", "recurrent")
ALL = [
    info
    for family in ("cnn", "recurrent")
    for info in plugins.load("families", family).models()
    if not info.name.endswith(("_lm", "_generator"))
]
"""Those that give labels."""
ONWARD = [info for info in RECURRENT.models() if info.name.endswith("_lm")]


def _trained(info: ModelInfo, language: str) -> Run:
    part = tiny.part(90, language=language)
    run = Run(Candidate(info, "scratch"), part, tiny.GOAL, RunSetup(model_folder=None, work=WORK, seed=0))
    run.advance(1.0)
    return run


@pytest.mark.parametrize(
    ("info", "language"),
    [*((info, "en") for info in ALL), *((info, "zh") for info in ALL if info.name in ("textcnn", "bilstm"))],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_learns_what_words_decide_and_answers_the_same_after_restoring(
    info: ModelInfo, language: str, tmp_path: Path
) -> None:
    run = _trained(info, language)
    unseen = tiny.part(60, language=language, seed=1)
    model = run.model
    answers = model.predict(unseen.texts).probabilities

    right = np.array(tiny.LABELS)[answers.argmax(1)] == np.array(unseen.gold)
    assert right.mean() > 0.9
    alone = np.concatenate([model.predict([text]).probabilities for text in unseen.texts[:10]])
    assert np.abs(alone - answers[:10]).max() < 1e-4
    model.save(tmp_path / "model")
    restored = plugins.load("families", info.family).restore(tmp_path / "model")
    assert np.allclose(restored.predict(unseen.texts).probabilities, answers, atol=1e-6)


def test_recurrent_comes_as_three_cells_in_one_and_in_both_directions() -> None:
    names = {info.name for info in RECURRENT.models()} - {info.name for info in ONWARD} - {"pointer_generator"}
    assert names == {"rnn", "birnn", "lstm", "bilstm", "gru", "bigru"}


def test_only_unidirectional_gated_cells_are_language_models() -> None:
    family = plugins.load("families", "recurrent")
    assert isinstance(family, RestrictsOutputs)
    reasons = {info.name: family.unsupported(info, Output.LIKELIHOOD) for info in family.models()}
    assert {name for name, reason in reasons.items() if reason is None} == {"gru", "lstm"}
    assert "is bidirectional" in str(reasons["bilstm"])
    assert all(family.unsupported(info, Output.TEXT) is None for info in family.models())
    assert reasons["gru_lm"] == "an autoregressive language model only; use gru"


@pytest.mark.parametrize("info", ONWARD, ids=lambda info: info.name)
def test_the_estimate_of_a_language_model_is_right_for_the_pieces_it_assumes(info: ModelInfo) -> None:
    part = Part(("soup today",) * 20, ("with bread",) * 20, tuple(range(20)))
    network = RECURRENT.create(info, None, part, Goal(Output.TEXT), seed=0)
    # As many pieces as there are instead of 8,000, each 256 wide and with a number of its own.
    assert isinstance(network, Network)
    pieces = network.tokenizer.get_vocab_size()
    assert network.size_bytes() == 4 * (info.parameters - (8_000 - pieces) * 257)


def test_forecast_of_a_text_that_is_gone_on_with_is_that_of_item_and_answer_as_one() -> None:
    gone_on, judging = (next(model for model in RECURRENT.models() if model.name == name) for name in ("gru_lm", "gru"))
    machine = Machine(cores=2, memory_bytes=8 * 10**9, device="cpu", gflops=100.0, bf16=False, name="")
    work = Workload(1_000, 140, 26, 0, Output.TEXT, answer_characters=100, answer_words=20)
    both = Workload(1_000, 240, 46, 0, Output.LIKELIHOOD)
    assert RECURRENT.forecast(gone_on, work, machine) == RECURRENT.forecast(judging, both, machine)
    assert RECURRENT.training_config(gone_on, work) == RECURRENT.training_config(judging, both)


@pytest.mark.parametrize("info", ALL, ids=lambda info: info.name)
def test_the_estimate_of_the_weights_is_right_for_the_vocabulary_it_assumes(info: ModelInfo) -> None:
    family = plugins.load("families", info.family)
    texts = tuple(f"w{i} w{i}" for i in range(100))
    part = replace(tiny.part(100), texts=texts)
    network = family.create(info, None, part, tiny.GOAL, seed=0)
    # 102 words instead of 8,000, each 128 wide; the head comes on top.
    head = (info.width + 1) * len(tiny.LABELS)
    assert network.size_bytes() == 4 * (info.parameters - (8_000 - 102) * 128 + head)


def test_pointer_generator_has_the_weights_it_states() -> None:
    info = next(model for model in RECURRENT.models() if model.name == "pointer_generator")
    case = next(entry for entry in tiny.cases([Output.TEXT]) if entry.name == "text")
    network = RECURRENT.create(info, None, case.part, case.goal, seed=0)
    assert isinstance(network, Network)
    # Word vectors of the encoder (128 wide) and of the decoder (256) for all of 8,000 subwords.
    missing = (8_000 - network.tokenizer.get_vocab_size()) * (128 + 256)
    assert network.size_bytes() == 4 * (info.parameters - missing)


def test_pointer_generator_generates_text_only() -> None:
    assert isinstance(RECURRENT, RestrictsOutputs)
    info = next(model for model in RECURRENT.models() if model.name == "pointer_generator")
    assert RECURRENT.unsupported(info, Output.TEXT) is None
    assert "text only" in str(RECURRENT.unsupported(info, Output.LABEL))
    single = next(model for model in RECURRENT.models() if model.name == "lstm")
    assert "use bilstm or bigru" in str(RECURRENT.unsupported(single, Output.SPAN))


@pytest.mark.parametrize("info", ALL, ids=lambda info: info.name)
def test_forecast_grows_with_rows_words_and_a_slower_machine(info: ModelInfo) -> None:
    family = plugins.load("families", info.family)
    machine = Machine(cores=2, memory_bytes=8 * 10**9, device="cpu", gflops=188.6, bf16=True, name="")
    work = Workload(rows=4_000, characters=100, words=20, labels=3)
    base = family.forecast(info, work, machine).seconds
    assert family.forecast(info, replace(work, rows=40_000), machine).seconds > base
    assert family.forecast(info, replace(work, words=60), machine).seconds > base
    assert family.forecast(info, work, replace(machine, gflops=50.0)).seconds > base


def test_forecast_of_a_writer_grows_with_its_answers() -> None:
    machine = Machine(cores=2, memory_bytes=10**10, device="cpu", gflops=100.0, bf16=False, name="m")
    info = next(model for model in RECURRENT.models() if model.name == "lstm")
    title = Workload(3_000, 8, 8, 0, Output.TEXT, answer_characters=8, answer_words=8)
    poem = replace(title, answer_characters=100, answer_words=100)
    reports = replace(title, characters=100, words=100)
    base = RECURRENT.forecast(info, title, machine).seconds
    assert RECURRENT.forecast(info, poem, machine).seconds > 5 * base
    assert 5 * base > RECURRENT.forecast(info, reports, machine).seconds > 1.5 * base


def test_forecast_of_a_language_model_grows_with_its_text_and_a_slower_machine() -> None:
    family = plugins.load("families", "recurrent")
    info = next(entry for entry in ALL if entry.name == "lstm")
    machine = Machine(cores=2, memory_bytes=8 * 10**9, device="cpu", gflops=100.0, bf16=False, name="")
    # 140,000 characters: 1,000 pieces of words, 20 passes.
    work = Workload(rows=1_000, characters=140, words=26, labels=0, output=Output.LIKELIHOOD)
    config = family.training_config(info, work)
    assert config is not None
    assert config.epochs == 20
    # 256 x (2 x 4 x 256 + 256 + 1,000) weights, 6 operations each, for 1 + 2.1 x 26 tokens a row, at 50 GFLOPS.
    operations = 6 * 256 * (2 * 4 * 256 + 256 + 1_000) * 1_000 * (1 + 2.1 * 26) * 20
    base = family.forecast(info, work, machine).seconds
    assert base == pytest.approx(2 + operations / 50e9)
    assert family.forecast(info, replace(work, rows=10_000), machine).seconds > 3 * base
    assert family.forecast(info, work, replace(machine, gflops=50.0)).seconds > 1.9 * base


@pytest.mark.parametrize("name", ["cnn", "recurrent"])
def test_no_folder_is_theirs(name: str, tmp_path: Path) -> None:
    assert plugins.load("families", name).describe(tmp_path, "local") is None


def test_the_same_seed_gives_the_same_untrained_net() -> None:
    info = ALL[0]
    family = plugins.load("families", info.family)
    part = tiny.part()
    first, second, other = (family.create(info, None, part, tiny.GOAL, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.predict(part.texts).probabilities, second.predict(part.texts).probabilities)
    assert not np.array_equal(first.predict(part.texts).probabilities, other.predict(part.texts).probabilities)
