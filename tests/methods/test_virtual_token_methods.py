"""Methods that add virtual tokens: how many weights, room for the text, models and outputs that they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.methods import p_tuning, prefix, prompt
from goldilocks.nets.network import Network
from goldilocks.records import Output
from goldilocks.testing import tiny


def network(folder: Path) -> Network:
    family = plugins.load("families", "encoder")
    info = family.describe(folder, str(folder))
    assert info is not None
    made = family.create(info, folder, tiny.part(), tiny.GOAL, seed=0)
    assert isinstance(made, Network)
    return made


@pytest.fixture
def bert(tmp_path: Path) -> Network:
    return network(tiny.encoder_folder(tmp_path, depth=3))


@pytest.fixture
def modernbert(tmp_path: Path) -> Network:
    return network(tiny.hub_encoder_folder(tmp_path))


def trained(network: Network) -> int:
    """Trained weights below the head."""
    weights = network.module.named_parameters()
    return sum(weight.numel() for name, weight in weights if weight.requires_grad and not name.startswith("head."))


def test_prompt_has_a_vector_for_each_token(bert: Network) -> None:
    prompt.prepare(bert, prompt.Options(tokens=5))
    assert trained(bert) == 5 * 32


def test_prefix_has_a_key_and_a_value_for_each_token_and_layer(bert: Network) -> None:
    prefix.prepare(bert, prefix.Options(tokens=5))
    assert trained(bert) == 3 * 2 * 5 * 32


def test_prompt_encoder_is_dropped_after_training(bert: Network) -> None:
    p_tuning.prepare(bert, p_tuning.Options(tokens=5, encoder="lstm"))
    assert trained(bert) > 10 * 5 * 32
    before = bert.predict(["soup"]).probabilities
    p_tuning.fold(bert)
    assert trained(bert) == 5 * 32
    assert bert.config.additions[-1].options == {"count": 5, "encoder": "none"}
    assert bert.predict(["soup"]).probabilities == pytest.approx(before, abs=1e-6)


def test_states_are_those_of_the_text(bert: Network) -> None:
    rows = bert.rows(["soup bread today"])
    ((_, batch),) = list(bert.batches(rows))
    prompt.prepare(bert, prompt.Options(tokens=5))
    assert bert.backbone(batch).shape[1] == len(rows[0])


def test_texts_make_room_for_virtual_tokens(modernbert: Network) -> None:
    assert modernbert.config.max_tokens == 64
    prompt.prepare(modernbert, prompt.Options(tokens=16))
    assert modernbert.config.max_tokens == 48
    assert len(modernbert.rows(["soup " * 99])[0]) == 48


@pytest.mark.parametrize(
    ("tokens", "message"),
    [(0, "tokens is 0; it must be at least 1"), (60, "leave 4 of the model's 64 positions .* to at most 56")],
)
def test_prompts_that_do_not_fit_are_refused(tokens: int, message: str, modernbert: Network) -> None:
    with pytest.raises(InputError, match=message):
        prompt.prepare(modernbert, prompt.Options(tokens=tokens))


def test_attention_that_is_not_ours_takes_no_prefix(modernbert: Network) -> None:
    with pytest.raises(InputError, match=r"attention .* takes no further keys and values; use `prompt`"):
        prefix.prepare(modernbert, prefix.Options())


@pytest.mark.parametrize("name", ["prompt", "p_tuning", "prefix"])
def test_virtual_tokens_are_not_for_generated_text(name: str) -> None:
    method = plugins.load("methods", name)
    assert method.declined(Output.TEXT).endswith("are not applied while text is generated; use `lora`")  # type: ignore[attr-defined]
    assert method.declined(Output.SPAN) is None  # type: ignore[attr-defined]
