from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.errors import IntegrityError
from goldilocks.nets.backbones.bert import BertBackbone
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import Batch
from goldilocks.records import Text, TrainingConfig
from goldilocks.settings import with_training
from goldilocks.testing import tiny
from goldilocks.tuning import cache
from goldilocks.tuning.loop import Learner
from goldilocks.tuning.training_set import TrainingSet

RECIPE = TrainingConfig(epochs=2, learning_rate=2e-3, head_learning_rate=1e-2, batch_rows=8)
PART = tiny.part(48)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder_folder(tmp_path_factory.mktemp("loop") / "tiny-encoder")


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """float32 throughout, also where the machine has bfloat16."""
    monkeypatch.setattr(BertBackbone, "bf16", False)


def learner(
    folder: Path,
    method: str = "full",
    config: TrainingConfig = RECIPE,
    seed: int = 0,
    unlabelled: Sequence[tuple[Text, Text]] = (),
) -> Learner:
    family, chosen = plugins.load("families", "encoder"), plugins.load("methods", method)
    info = family.describe(folder, str(folder))
    assert info is not None
    network = family.create(info, folder, PART, tiny.GOAL, seed=seed)
    assert isinstance(network, Network)
    torch.manual_seed(seed)
    chosen.prepare(network, chosen.Options())
    return Learner(network, config, TrainingSet(PART.texts, PART.gold, unlabelled), seed=seed)


def weights(run: Learner) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in run.snapshot().module.state_dict().items()}


def differ(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first)


@pytest.mark.usefixtures("exact")
def test_leaving_out_rows_of_unseen_tokens_changes_no_weight(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compact = learner(folder)
    compact.advance(1.0)
    monkeypatch.setattr(BertBackbone, "word_embedding", None)
    whole = learner(folder)
    whole.advance(1.0)
    table = "backbone.words.weight"
    rows = next(slot.master for slot in compact._optimizer.slots if slot.name == table).shape[0]
    assert rows < weights(whole)[table].shape[0]
    assert differ(weights(compact), weights(whole)) < 1e-4


def test_layer_ratio_is_how_much_faster_the_top_block_learns_than_the_lowest(folder: Path) -> None:
    run = learner(folder, config=replace(RECIPE, layer_ratio=4.0))

    peaks = {slot.name: slot.peak for slot in run._optimizer.slots}
    depth = run.network.backbone.depth
    of_block = {run.network.block_of(name): peak for name, peak in peaks.items()}
    assert depth == 2
    # 4 from block 0 to block 1, about the rate of 2e-3; the embeddings another step below.
    assert of_block[1] == pytest.approx(4e-3)
    assert of_block[0] == pytest.approx(1e-3)
    assert of_block[-1] == pytest.approx(0.25e-3)
    assert of_block[depth] == 1e-2


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("method", ["top_layers", "head_only"])
def test_keeping_frozen_states_changes_no_weight(folder: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = learner(folder, method)
    assert kept._states is not None
    kept.advance(1.0)
    monkeypatch.setattr(cache, "LIMIT_BYTES", 0)
    again = learner(folder, method)
    assert again._states is None
    again.advance(1.0)
    assert differ(weights(kept), weights(again)) < 1e-4


@pytest.mark.usefixtures("exact")
def test_frozen_layers_run_once_per_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = learner(folder, "top_layers", replace(RECIPE, epochs=5))
    seen = 0
    embed = BertBackbone.embed

    def counting(self: BertBackbone, batch: Batch) -> torch.Tensor:
        nonlocal seen
        seen += len(batch.ids)
        return embed(self, batch)

    monkeypatch.setattr(BertBackbone, "embed", counting)
    run.advance(1.0)
    assert seen == len(PART)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("method", ["full", "head_only", "top_layers", "lora", "bias_only"])
def test_frozen_weights_stay_and_the_others_move(folder: Path, method: str) -> None:
    run = learner(folder, method)
    before = weights(run)
    learning = {name for name, weight in run.network.module.named_parameters() if weight.requires_grad}
    run.advance(1.0)
    after = weights(run)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == learning


@pytest.mark.parametrize("method", ["full", "head_only", "top_layers", "lora", "bias_only"])
def test_every_method_learns_the_tiny_data(folder: Path, method: str) -> None:
    config = TrainingConfig(epochs=30, learning_rate=5e-3, head_learning_rate=3e-2, batch_rows=8)
    run = learner(folder, method, config)
    run.advance(1.0)
    held_out = tiny.part(60, seed=1)
    right = np.asarray(tiny.LABELS)[run.predict(held_out.texts).probabilities.argmax(1)] == np.asarray(held_out.gold)
    assert right.mean() > 0.6  # guessing gives a third; the random backbone knows no words


@pytest.mark.usefixtures("exact")
def test_a_run_in_pieces_is_the_run_at_once(folder: Path) -> None:
    at_once, pieces = learner(folder), learner(folder)
    at_once.advance(1.0)
    for share in (0.1, 0.35, 0.35, 0.8, 1.0):
        pieces.advance(share)
        pieces.predict(PART.texts[:3])  # asking in between must not disturb
    assert pieces.done
    assert differ(weights(at_once), weights(pieces)) == 0


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_run_put_back_goes_on_as_if_it_had_not_stopped(folder: Path, dropout: float) -> None:
    config = replace(RECIPE, dropout=dropout)
    straight, first, second = (learner(folder, config=config) for _ in range(3))
    straight.advance(1.0)
    first.advance(0.4)
    state = {name: value.clone() for name, value in first.state().items()}
    second.load_state(state, first.place())
    assert second.share == first.share
    second.advance(1.0)
    assert differ(weights(straight), weights(second)) == 0


def test_a_finished_run_keeps_no_optimiser_state(folder: Path) -> None:
    run = learner(folder)
    run.advance(0.5)
    halfway = run.state()
    run.advance(1.0)
    assert {name.split("/")[0] for name in halfway} == {"weight", "first", "second"}
    assert {name.split("/")[0] for name in run.state()} == {"weight"}


def test_frozen_weights_are_not_in_the_state(folder: Path) -> None:
    run = learner(folder, "head_only")
    run.advance(1.0)
    assert set(run.state()) == {"weight/head.weight", "weight/head.bias"}


def test_state_of_another_method_is_refused(folder: Path) -> None:
    small, large = learner(folder, "head_only"), learner(folder)
    with pytest.raises(IntegrityError, match="belongs to another run"):
        large.load_state(small.state(), small.place())


def test_stop_ends_between_two_steps(folder: Path) -> None:
    run = learner(folder)
    shares: list[float] = []
    run.advance(1.0, stop=lambda: len(shares) >= 3, on_step=shares.append)
    # 48 texts in batches of 8 for 2 epochs are 12 steps.
    assert shares == pytest.approx([1 / 12, 2 / 12, 3 / 12])
    assert run.share == pytest.approx(3 / 12)


def test_only_the_seed_decides(folder: Path) -> None:
    first, same, other = (learner(folder, seed=seed) for seed in (0, 0, 1))
    for entry in (first, same, other):
        entry.advance(0.5)
    assert differ(weights(first), weights(same)) == 0
    assert differ(weights(first), weights(other)) > 0


def test_dropout_is_off_when_answering(folder: Path) -> None:
    run = learner(folder, config=replace(RECIPE, dropout=0.5))
    run.advance(0.5)
    texts = PART.texts[:6]
    assert np.array_equal(run.predict(texts).probabilities, run.predict(texts).probabilities)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("accumulation", [2, 3, 8])
def test_accumulated_passes_are_the_step_of_the_whole_batch(folder: Path, accumulation: int) -> None:
    whole, divided = learner(folder), learner(folder, config=replace(RECIPE, accumulation=accumulation))
    sizes: list[int] = []
    inner = divided._loss
    divided._loss = lambda rows: sizes.append(len(rows)) or inner(rows)  # type: ignore[method-assign,func-returns-value]
    for each in (whole, divided):
        each.advance(1.0)
    assert max(sizes) == -(-8 // accumulation)
    assert whole.steps == divided.steps
    assert differ(weights(whole), weights(divided)) < 1e-4


@pytest.mark.usefixtures("exact")
def test_recomputed_activations_give_equal_gradients(folder: Path) -> None:
    kept, recomputed = learner(folder), learner(folder, config=replace(RECIPE, checkpoint_activations=True))
    for each in (kept, recomputed):
        each.advance(1.0)
    assert differ(weights(kept), weights(recomputed)) == 0


def test_activations_of_blocks_are_not_kept(folder: Path) -> None:
    def saved_bytes(each: Learner) -> int:
        total = 0

        def count(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal total
            total += tensor.numel() * tensor.element_size()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            each._loss(list(range(8)))
        return total

    kept, recomputed = learner(folder), learner(folder, config=replace(RECIPE, checkpoint_activations=True))
    assert saved_bytes(recomputed) < saved_bytes(kept) / 2


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize(
    "changes",
    [
        {"average": "ema", "ema_decay": 0.9},
        {"average": "swa", "swa_start": 0.3, "schedule": "constant"},
        {"optimizer": "sgd", "schedule": "cosine"},
        {"optimizer": "adafactor"},
        {"mixout": 0.3},
        {"adversarial": "fgm", "adversarial_radius": 0.1},
        {"adversarial": "pgd", "adversarial_radius": 0.1},
        {"adversarial": "freelb", "adversarial_radius": 0.1, "dropout": 0.2},
        {"r_drop": 1.0, "dropout": 0.2, "accumulation": 2},
        {"focal_gamma": 2.0, "class_weights": "balanced"},
        {"logit_adjustment": 1.0},
        {"contrastive_weight": 0.5},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_with_any_option_a_run_put_back_goes_on_and_learns(folder: Path, changes: dict[str, Any]) -> None:
    config = with_training(RECIPE, changes)
    straight, first, second, plain = (learner(folder, config=each) for each in (config, config, config, RECIPE))
    before = straight._first_loss(straight._work)
    straight.advance(1.0)
    plain.advance(1.0)
    first.advance(0.4)
    second.load_state({name: value.clone() for name, value in first.state().items()}, first.place())
    second.advance(1.0)
    assert differ(weights(straight), weights(second)) == 0
    assert differ(weights(straight), weights(plain)) > 0
    assert straight._first_loss(straight._work) < before


@pytest.mark.usefixtures("exact")
def test_the_average_answers_and_training_goes_on_from_the_last_weights(folder: Path) -> None:
    config = with_training(RECIPE, {"average": "swa", "swa_start": 0.0})
    averaged, plain = learner(folder, config=config), learner(folder)
    for each in (averaged, plain):
        each.advance(0.5)
        each.predict(PART.texts[:4])
    assert differ(weights(averaged), weights(plain)) > 0
    for own, other in zip(averaged._optimizer.slots, plain._optimizer.slots, strict=True):
        assert torch.equal(own.master, other.master)


def test_adversarial_training_reaches_through_frozen_layers(folder: Path) -> None:
    attacked = learner(folder, "head_only", with_training(RECIPE, {"adversarial": "fgm"}))
    plain = learner(folder, "head_only")
    for each in (attacked, plain):
        each.advance(1.0)
    assert attacked._states is None
    assert differ(weights(attacked), weights(plain)) > 0


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("method", ["full", "head_only", "top_layers"])
@pytest.mark.parametrize("kind", ["pseudo_labels", "consistency"])
def test_unlabelled_rows_are_trained_on_and_a_run_put_back_goes_on(folder: Path, method: str, kind: str) -> None:
    config = with_training(RECIPE, {"unlabelled_loss": kind, "unlabelled_confidence": 0.0})
    pairs = [(str(text), str(text) + " soup") for text in tiny.part(20, seed=3).texts]
    straight, first, second = (learner(folder, method, config, unlabelled=pairs) for _ in range(3))
    plain = learner(folder, method)
    for each in (straight, plain):
        each.advance(1.0)
    first.advance(0.4)
    second.load_state({name: value.clone() for name, value in first.state().items()}, first.place())
    second.advance(1.0)
    assert differ(weights(straight), weights(second)) < 1e-6
    assert differ(weights(straight), weights(plain)) > 0


def test_unlabelled_rows_count_for_nothing_unless_asked_for(folder: Path) -> None:
    pairs = [(str(text), str(text)) for text in tiny.part(20, seed=3).texts]
    with_rows, plain = learner(folder, unlabelled=pairs), learner(folder)
    for each in (with_rows, plain):
        each.advance(1.0)
    assert differ(weights(with_rows), weights(plain)) == 0


def test_consistency_draws_copies_towards_their_texts(folder: Path) -> None:
    base = TrainingConfig(epochs=20, learning_rate=5e-3, head_learning_rate=3e-2, batch_rows=8)
    pairs = [(str(text), str(text) + " soup bread") for text in tiny.part(40, seed=3).texts]

    def disagreement(each: Learner) -> float:
        each.advance(1.0)
        texts, copies = (each.predict([pair[side] for pair in pairs]).probabilities for side in (0, 1))
        return float(np.abs(np.asarray(texts) - np.asarray(copies)).sum(1).mean())

    options = {"unlabelled_loss": "consistency", "unlabelled_confidence": 0.0, "unlabelled_weight": 4.0}
    consistent = disagreement(learner(folder, "full", with_training(base, options), unlabelled=pairs))
    assert consistent < 0.7 * disagreement(learner(folder, "full", base))
