from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.errors import InputError, MissingError
from goldilocks.families import encoder
from goldilocks.nets.network import Network
from goldilocks.records import Machine, ModelInfo, Output, Workload
from goldilocks.testing import tiny

MACHINE = Machine(cores=2, memory_bytes=8 * 10**9, device="cpu", gflops=100.0, bf16=False, name="test")
WORK = Workload(rows=1000, characters=60, words=12, labels=3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.encoder_folder(tmp_path / "tiny-bert", width=32, depth=2)


def described(folder: Path, source: str = "hf://org/tiny-bert@main") -> ModelInfo:
    info = encoder.describe(folder, source)
    assert info is not None
    return info


def test_facts_are_read_from_configuration_and_header(folder: Path) -> None:
    info = described(folder)
    vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
    # One layer of width 32 and inner width 64: 4 attention matrices, 2 of the perceptron, their biases, 2 norms.
    layer = 4 * (32 * 32 + 32) + (32 * 64 + 64) + (64 * 32 + 32) + 2 * 2 * 32
    assert info.parameters == (vocabulary + 64 + 2) * 32 + 2 * 32 + 2 * layer
    assert (info.name, info.family, info.depth, info.width, info.max_tokens) == ("tiny-bert", "encoder", 2, 32, 64)
    assert info.architecture == "bert encoder, 2 layers, 32 wide"
    assert info.pretrained


def test_roberta_reads_two_tokens_less_than_it_has_positions(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}
    (folder / "config.json").write_text(json.dumps(config))
    assert described(folder).max_tokens == 512


@pytest.mark.parametrize("change", [{"model_type": "gpt2"}, {"model_type": None}, {"is_decoder": True}])
def test_models_of_another_kind_are_not_ours(folder: Path, change: dict[str, object]) -> None:
    config = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps(config))
    assert encoder.describe(folder, "local") is None


def test_a_configuration_that_is_not_json_is_named(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        encoder.describe(folder, "local")


def test_a_missing_tokenizer_says_how_to_write_it(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(MissingError, match="save_pretrained"):
        encoder.create(described(folder), folder, tiny.part(), tiny.GOAL, seed=0)


def test_an_encoder_needs_its_folder(folder: Path) -> None:
    with pytest.raises(InputError, match="needs the folder"):
        encoder.create(described(folder), None, tiny.part(), tiny.GOAL, seed=0)


def test_the_seed_draws_the_head_and_nothing_else(folder: Path) -> None:
    info = described(folder)
    first, same, other = (encoder.create(info, folder, tiny.part(), tiny.GOAL, seed=seed) for seed in (0, 0, 1))
    texts = tiny.part().texts
    assert np.array_equal(first.predict(texts).probabilities, same.predict(texts).probabilities)
    assert not np.array_equal(first.predict(texts).probabilities, other.predict(texts).probabilities)
    assert isinstance(first, Network)
    assert isinstance(other, Network)
    assert np.array_equal(first.features(texts), other.features(texts))


def test_pooling_is_what_a_sentence_model_says(folder: Path) -> None:
    info = described(folder)
    assert encoder.create(info, folder, tiny.part(), tiny.GOAL, seed=0).config.pooling == "mean"
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    assert encoder.create(info, folder, tiny.part(), tiny.GOAL, seed=0).config.pooling == "first"


def test_restoring_needs_neither_transformers_nor_the_compiler(folder: Path, tmp_path: Path) -> None:
    """They take seconds to import; a bundle must answer within four of its process being started."""
    network = encoder.create(described(folder), folder, tiny.part(), tiny.GOAL, seed=0)
    saved = tmp_path / "saved"
    network.save(saved)
    code = (
        "import sys; from pathlib import Path; from goldilocks import plugins\n"
        f"plugins.load('families', 'encoder').restore(Path({str(saved)!r})).predict(['soup']).probabilities\n"
        "print([name for name in ('transformers', 'peft', 'sympy', 'torch._dynamo', 'scipy') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_forecast_grows_with_rows_and_length_and_falls_with_speed(folder: Path) -> None:
    info = replace(described(folder), depth=6, width=384, parameters=22_000_000)
    seconds = encoder.forecast(info, WORK, MACHINE).seconds
    assert encoder.forecast(info, replace(WORK, rows=100_000), MACHINE).seconds > seconds
    assert encoder.forecast(info, replace(WORK, words=100), MACHINE).seconds > seconds
    assert encoder.forecast(info, WORK, replace(MACHINE, gflops=1000.0)).seconds < seconds


def test_few_rows_get_more_epochs(folder: Path) -> None:
    info = described(folder)
    few, many = (encoder.training_config(info, replace(WORK, rows=rows)) for rows in (300, 20_000))
    assert few.epochs > many.epochs


def test_lower_blocks_are_spared_where_labels_are_learnt_and_only_by_the_method_that_moves_them_all(
    folder: Path,
) -> None:
    info = described(folder)
    own = encoder.training_config(info, WORK)

    assert own.layer_ratio == 13.0
    assert encoder.training_config(info, replace(WORK, output=Output.TAGS)).layer_ratio == 1.0
    for method, ratio in (("full", 13.0), ("top_layers", 1.0), ("lora", 1.0), ("bias_only", 1.0)):
        adjusted = plugins.load("methods", method).training_config(own)
        assert adjusted is not None
        assert adjusted.layer_ratio == ratio
