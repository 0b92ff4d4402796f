"""Methods that add modules beside frozen layers: which layers they find, how many weights, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.methods import adalora, adapter, dora, ia3, layer_norm, lora, reft, rslora
from goldilocks.nets.export.onnx_folder import not_exportable
from goldilocks.nets.network import Network
from goldilocks.records import Output
from goldilocks.testing import tiny


@pytest.fixture
def network(tmp_path: Path) -> Network:
    family = plugins.load("families", "encoder")
    folder = tiny.encoder_folder(tmp_path, depth=3)  # 32 wide, the MLP 64
    info = family.describe(folder, str(folder))
    assert info is not None
    made = family.create(info, folder, tiny.part(), tiny.GOAL, seed=0)
    assert isinstance(made, Network)
    return made


def trained(network: Network) -> dict[str, int]:
    """Trained weights below the head by name."""
    weights = network.module.named_parameters()
    return {name: entry.numel() for name, entry in weights if entry.requires_grad and not name.startswith("head.")}


def test_ia3_has_a_vector_for_keys_values_and_inner_activations(network: Network) -> None:
    ia3.prepare(network, ia3.Options())
    # In each block: keys and values (2 x 32, queries are left alone) and the input of the MLP's second layer (64).
    assert sorted(trained(network).values()) == [64] * 6
    assert all(name.endswith(("qkv.factors", "down.factors")) for name in trained(network))


def test_layer_norm_trains_scales_and_shifts(network: Network) -> None:
    layer_norm.prepare(network, layer_norm.Options())
    assert sum(trained(network).values()) == (1 + 2 * 3) * 2 * 32


@pytest.mark.parametrize(("placement", "layers"), [("pfeiffer", {"down"}), ("houlsby", {"out", "down"})])
def test_adapters_come_behind_the_output_layers(placement: str, layers: set[str], network: Network) -> None:
    adapter.prepare(network, adapter.Options(placement=placement))  # type: ignore[arg-type]
    assert {name.split(".")[3] for name in trained(network)} == layers
    # Down (32 to 8), up (8 to 32) and their biases, in each of 3 blocks.
    assert sum(trained(network).values()) == 3 * len(layers) * (32 * 8 + 8 + 8 * 32 + 32)


@pytest.mark.parametrize("method", [lora, rslora, dora])
def test_rank_above_the_width_is_refused_with_the_largest_there_is(method: object, network: Network) -> None:
    with pytest.raises(InputError, match=r"rank is 33, but backbone.* is only 32 wide; set options.*rank to at most"):
        method.prepare(network, method.Options(rank=33))  # type: ignore[attr-defined]


def test_adapter_width_below_zero_is_refused(network: Network) -> None:
    with pytest.raises(InputError, match="width is -1"):
        adapter.prepare(network, adapter.Options(width=-1))


def test_reft_has_an_edit_above_each_block(network: Network) -> None:
    reft.prepare(network, reft.Options(rank=2))
    # R and W (32 x 2 each) and b, above each of 3 blocks.
    assert sum(trained(network).values()) == 3 * (2 * 32 * 2 + 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (reft.Options(rank=33), "rank is 33; it must be at least 1 and at most the width, 32"),
        (reft.Options(last=-1), "first is 0 and last -1"),
    ],
)
def test_edits_that_do_not_fit_are_refused(options: reft.Options, message: str, network: Network) -> None:
    with pytest.raises(InputError, match=message):
        reft.prepare(network, options)


def test_reft_is_no_method_for_text_that_is_generated() -> None:
    assert reft.declined(Output.TEXT) == "edits are not applied while text is generated; use `lora`"
    assert reft.declined(Output.TAGS) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (adalora.Options(target_rank=13), r"target_rank is 13; it must be above 0 and at most rank \(12\)"),
        (adalora.Options(warmup=0.5, final=0.5), "leave no time for pruning"),
        (adalora.Options(rank=33), "rank is 33, but"),
    ],
)
def test_adalora_schedules_that_cannot_be_are_refused(options: adalora.Options, message: str, network: Network) -> None:
    with pytest.raises(InputError, match=message):
        adalora.prepare(network, options)


def test_networks_with_edits_are_not_exported_as_a_graph(network: Network) -> None:
    assert not_exportable(network) is None
    adapter.prepare(network, adapter.Options())
    assert not_exportable(network) is None  # adapters are inside the layers
    reft.prepare(network, reft.Options())
    assert not_exportable(network) == "its method added edits between the blocks, which are not exported"
