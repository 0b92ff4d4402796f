"""EWC and L2-SP on a bundle: what is pulled back, and how strongly."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from goldilocks.errors import InputError
from goldilocks.methods import full
from goldilocks.nets.heads.token_classifier import TokenClassifier
from goldilocks.nets.network import Network
from goldilocks.nets.objectives.start_point import StartPointObjective
from goldilocks.nets.tokenization.batching import padded
from goldilocks.nets.training.slots import Slot
from goldilocks.records import Goal, Output, Part, TrainingConfig
from goldilocks.strategies import distillation, ewc, l2_sp, replay
from goldilocks.testing import tiny
from goldilocks.tuning.loop import Learner
from goldilocks.tuning.training_set import TrainingSet

ROWS = tiny.part(12)
CONFIG = TrainingConfig(epochs=1, learning_rate=1e-3, head_learning_rate=1e-3, weight_decay=0.01)


@pytest.fixture
def network(tmp_path: Path) -> Network:
    torch.manual_seed(0)
    made = tiny.encoder(tmp_path / "tiny-bert", ROWS)
    full.prepare(made, full.Options())
    return made


def slot(name: str, values: list[list[float]], rows: list[int] | None = None) -> Slot:
    weight = torch.nn.Parameter(torch.tensor(values))
    weight.grad = torch.zeros_like(weight)
    return Slot(name, weight.data, weight, peak=0.1, decay=0.0, rows=None if rows is None else torch.tensor(rows))


def pulled(objective: StartPointObjective, moved: Slot, by: float) -> list[list[float]]:
    """Gradients after all weights moved by ``by``."""
    objective.before_step({moved.name: moved})
    moved.master.add_(by)
    objective.before_step({moved.name: moved})
    assert moved.working.grad is not None
    return moved.working.grad.tolist()


def test_training_loop_says_which_rows_of_the_word_table_it_trains(network: Network) -> None:
    learner = Learner(network, CONFIG, TrainingSet(ROWS.texts, ROWS.gold), seed=0)
    name = f"backbone.{network.backbone.word_embedding}.weight"
    (table,) = (slot for slot in learner._optimizer.slots if slot.name == name)
    full_table = network.module.get_parameter(name)
    assert table.rows is not None
    assert len(table.rows) < len(full_table)
    assert torch.equal(table.rows_of(full_table.detach()), table.master)


def test_l2_sp_pulls_the_head_but_not_its_outputs_for_new_labels(network: Network) -> None:
    previous = network.twin()
    network.extend_labels((*tiny.LABELS, "weather"))
    objective = l2_sp.objective(network, previous, ROWS.texts, ROWS.gold, Part(), l2_sp.Options(strength=1.0))
    gradient = pulled(objective, slot("head.weight", [[0.0] * 32] * 4), 1.0)
    assert gradient == [[1.0] * 32] * 3 + [[0.0] * 32]


def test_ewc_asks_a_bounded_number_of_old_rows(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    from goldilocks.nets.objectives import fisher

    asked: list[int] = []

    def count(_: Network, texts: tuple[str, ...], gold: tuple[str, ...]) -> dict[str, torch.Tensor]:
        asked.extend((len(texts), len(gold)))
        return {}

    monkeypatch.setattr(fisher, "fisher_diagonal", count)
    ewc.objective(network, network, ROWS.texts, ROWS.gold, tiny.part(50), ewc.Options(rows=7))
    assert asked == [7, 7]


def test_penalties_replace_weight_decay_and_others_keep_it() -> None:
    assert l2_sp.training_config(CONFIG).weight_decay == ewc.training_config(CONFIG).weight_decay == 0
    assert replay.training_config(CONFIG) == distillation.training_config(CONFIG) == CONFIG


def test_replay_keeps_the_shares_of_labels_and_its_bound() -> None:
    old = tiny.part(60)
    assert len(replay.replayed(old, replay.Options(rows=10))) == 10
    assert replay.replayed(old, replay.Options(rows=100)).texts == old.texts


@pytest.mark.parametrize(
    ("strategy", "options", "words"),
    [
        (replay, {"rows": 0}, "rows is 0; it must be at least 1"),
        (ewc, {"rows": 0}, "rows is 0; it must be at least 1"),
        (ewc, {"strength": 0.0}, "strength is 0; it must be above 0"),
        (l2_sp, {"strength": float("inf")}, "strength is inf; it must be above 0"),
        (distillation, {"weight": 1.0}, "weight must be above 0 and below 1"),
        (distillation, {"temperature": 0.0}, "temperature above 0"),
    ],
)
def test_options_out_of_range_are_refused(strategy: object, options: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        strategy.check(strategy.Options(**options))  # type: ignore[attr-defined]


def test_distillation_is_for_labels_and_tags(tmp_path: Path) -> None:
    part = Part(texts=(("soup", "bread"),), gold=(0.5,), rows=(1,))
    scorer = tiny.encoder(tmp_path / "scorer", part, Goal(Output.SCORE))
    with pytest.raises(InputError, match="this is a pair_scorer; use replay, ewc or l2_sp"):
        distillation.objective(scorer, scorer, part.texts, part.gold, Part(), distillation.Options())


def test_distilled_tags_are_compared_word_by_word(tmp_path: Path) -> None:
    """The loss by hand, with a tag that the earlier tagger does not know and an item of two rows."""
    items = (("soup", "today", "bank"), ("match",), ("loan", "soup") * 40)
    gold = tuple(tuple(tiny.tag_of(word) for word in item) for item in items)
    part = Part(texts=items, gold=gold, rows=(1, 2, 3))
    previous = tiny.encoder(tmp_path / "bert", part, Goal(Output.TAGS, tiny.TAGS))
    network = tiny.encoder(tmp_path / "bert", part, Goal(Output.TAGS, (*tiny.TAGS, "B-weather")))
    assert len(network.rows(items)) > len(items)
    options = distillation.Options(weight=0.25, temperature=3.0)
    objective = distillation.objective(network, previous, items, gold, Part(), options)
    rows = network.rows(items)
    network.module.eval()
    with torch.no_grad():
        batch = padded(rows, network.config.pad_id)
        got = float(objective.loss(network, batch, objective.targets(rows)))
        states = network.backbone(batch)
        own = float(network.loss(states, batch, network.targets(rows, gold)))
        assert isinstance(network, TokenClassifier)
        assert isinstance(previous, TokenClassifier)
        ours = (network.word_scores(states, batch)[:, : len(tiny.TAGS)] / 3).log_softmax(-1)
        theirs = (previous.word_scores(previous.backbone(batch), batch) / 3).log_softmax(-1)
    divergence = float((theirs.exp() * (theirs - ours)).sum(-1).mean())
    assert divergence > 1e-5
    assert got == pytest.approx(0.75 * own + 0.25 * 9 * divergence, rel=1e-4)
