from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.nets.backbones.entity_marker_embeddings import CHANNEL
from goldilocks.nets.heads.relation_classifier import RelationClassifier, window
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import padded
from goldilocks.records import Candidate, Goal, ModelInfo, Part, TrainingConfig, Workload
from goldilocks.testing import contracts, tiny
from goldilocks.tuning.loop import Learner
from goldilocks.tuning.run import Run, RunSetup
from goldilocks.tuning.training_set import TrainingSet

TEXT = "the [E1] soup [/E1] with [E2] salt bread [/E2] today"
LABELS = ("about(e1,e2)", "about(e2,e1)")
METHODS = ["full", "lora", "bias_only", "top_layers", "head_only"]
NEW = "backbone.channel_embeddings.weight"


def _related(rows: int = 60) -> Part:
    """Who is about whom stands in the order of the marks alone: both labels have the same words in the same places."""
    texts, gold = [], []
    for text in tiny.part(rows // 2).texts:
        words = str(text).split()
        for label, first, second in ((LABELS[0], "E1", "E2"), (LABELS[1], "E2", "E1")):
            marked = [f"[{first}]", words[0], f"[/{first}]", *words[1:4], f"[{second}]", words[4], f"[/{second}]"]
            texts.append(" ".join([*marked, words[5]]))
            gold.append(label)
    return Part(tuple(texts), tuple(gold))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder_folder(tmp_path_factory.mktemp("relations") / "tiny")


def _facts(folder: Path) -> ModelInfo:
    result = plugins.load("families", "encoder").describe(folder, str(folder))
    assert result is not None
    return result


def _made(folder: Path, texts: tuple[str | tuple[str, ...], ...] = (TEXT,), *, several: bool = False) -> Network:
    part = Part(texts, (LABELS[0],) * len(texts))
    goal = Goal(labels=LABELS, several=several)
    result = plugins.load("families", "encoder").create(_facts(folder), folder, part, goal, seed=0)
    assert isinstance(result, Network)
    result.module.eval()
    return result


def _classifier(folder: Path) -> RelationClassifier:
    result = _made(folder)
    assert isinstance(result, RelationClassifier)
    return result


def _run(folder: Path, method: str, part: Part) -> Run:
    fast = TrainingConfig(epochs=40, learning_rate=3e-3, head_learning_rate=1e-2, batch_rows=16)
    return Run(
        Candidate(_facts(folder), method),
        part,
        Goal(labels=LABELS),
        RunSetup(model_folder=folder, work=Workload(len(part), 60, 10, 2), seed=0, config=fast),
    )


def _tokens(network: Network, ids: np.ndarray) -> list[str]:
    return [str(network.tokenizer.id_to_token(int(identifier))) for identifier in ids]


# ------------------------------------------------------------------------------------------------------ who is read so


def test_texts_that_are_all_marked_are_read_by_their_marks(folder: Path) -> None:
    assert isinstance(_made(folder, (TEXT, TEXT)), RelationClassifier)
    assert isinstance(_made(folder, (TEXT,), several=True), RelationClassifier)
    for other in ("soup", "[E1] soup [/E1]", "[/E1] soup [E1] [E2] salt [/E2]", (TEXT, TEXT)):
        assert type(_made(folder, (TEXT, other))) is Network


def test_items_of_relation_extraction_are_read_by_their_marks(folder: Path) -> None:
    task = plugins.load("tasks", "relation_extraction")
    inline = task.item({"text": "<e2>soup</e2> with <e1>salt</e1>.", "label": "x"})
    beside = task.item({"text": "soup with salt.", "e1": [10, 14], "e2": [0, 4], "label": "x"})
    made = _made(folder, (inline, beside))
    assert isinstance(made, RelationClassifier)
    first, second = made.rows([inline, beside])
    assert first.ids.tolist() == second.ids.tolist()
    assert first.places.tolist() == second.places.tolist() == [5, 1]  # [CLS] @ soup @ with # salt # ...


# ---------------------------------------------------------------------------------------------------- what is read


def test_places_are_those_of_the_opening_marks(folder: Path) -> None:
    classifier = _classifier(folder)
    (row,) = classifier.rows([TEXT])
    sign = "[UNK]"  # the tiny tokenizer knows no signs
    wanted = ["[CLS]", "the", sign, "soup", sign, "with", sign, "salt", "bread", sign, "today", "[SEP]"]
    assert _tokens(classifier, row.ids) == wanted
    assert row.channels[CHANNEL].tolist() == [0, 0, 1, 0, 2, 0, 3, 0, 0, 4, 0, 0]
    assert row.places.tolist() == [2, 6]


def test_head_sees_the_states_at_the_opening_marks(folder: Path) -> None:
    classifier = _classifier(folder)
    turned = "[E2] soup [/E2] the [E1] bread [/E1]"
    with torch.no_grad():
        classifier.module.get_parameter(NEW)[1:] = torch.randn(4, 32)
        result = classifier.pooled([TEXT, turned])
        states = [classifier.backbone(padded(classifier.rows([entry]), 0))[0] for entry in (TEXT, turned)]
    assert result.shape == (2, classifier.pooled_width) == (2, 64)
    assert torch.allclose(result[0], torch.cat([states[0][2], states[0][6]]), atol=1e-5)
    assert torch.allclose(result[1], torch.cat([states[1][5], states[1][1]]), atol=1e-5)  # the first thing's first


def test_marks_begin_as_signs_of_the_checkpoint(folder: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    transformers = pytest.importorskip("transformers")
    known = tmp_path / "with signs"
    tiny.encoder_folder(known)
    content = (known / "tokenizer.json").read_text(encoding="utf-8")
    content = content.replace('"q":', '"@":', 1).replace('"z":', '"#":', 1)  # two letters turn to signs
    (known / "tokenizer.json").write_text(content, encoding="utf-8")
    theirs = transformers.BertModel.from_pretrained(known, add_pooling_layer=False).eval()
    as_signs = Tokenizer.from_file(str(known / "tokenizer.json")).encode("the @ soup @ with # salt bread # today").ids
    classifier = _classifier(known)

    with torch.no_grad():
        result = classifier.backbone(padded(classifier.rows([TEXT]), 0))
        wanted = theirs(torch.tensor([as_signs])).last_hidden_state

    assert torch.allclose(result, wanted, atol=1e-5)


def test_marks_learn_vectors_of_their_own(folder: Path) -> None:
    classifier = _classifier(folder)
    before = classifier.pooled([TEXT])
    with torch.no_grad():
        classifier.module.get_parameter(NEW)[4, 0] = 1.0  # [/E2]
    assert not torch.allclose(classifier.pooled([TEXT]), before, atol=1e-3)
    embedded = classifier.backbone.embed(padded(classifier.rows([TEXT]), 0))[0]
    with torch.no_grad():
        classifier.module.get_parameter(NEW)[4] = 0.0
    changed = (classifier.backbone.embed(padded(classifier.rows([TEXT]), 0))[0] - embedded).abs().amax(1) > 1e-6
    assert changed.nonzero().flatten().tolist() == [9]  # at its own token and nowhere else


def test_answers_keep_the_contract_for_items_without_marks_too(folder: Path, tmp_path: Path) -> None:
    classifier = _classifier(folder)
    odd = [*tiny.odd_texts(), "[E1] soup", "[/E2] [/E1]", "[E1] a [E1] b [/E1] [E2]", "[E2][E1]", f"{TEXT} {TEXT}"]
    contracts.check_answers(classifier, [TEXT, *odd, ("two texts", TEXT)], Goal(labels=LABELS))
    restore = plugins.load("families", "encoder").restore
    contracts.check_restores(classifier, restore, [TEXT, *odd], tmp_path / "saved")


def test_missing_mark_is_taken_to_stand_at_the_first_token(folder: Path) -> None:
    classifier = _classifier(folder)
    assert [row.places.tolist() for row in classifier.rows(["soup [E2] salt [/E2]", ""])] == [[0, 2], [0, 0]]


# -------------------------------------------------------------------------------------------------------- long texts


@pytest.mark.parametrize(
    ("before", "between", "behind"),
    [(200, 3, 0), (0, 3, 200), (200, 3, 200), (0, 200, 0), (200, 200, 200), (5, 5, 9_000), (9_000, 9_000, 9_000)],
)
def test_window_keeps_both_marks(folder: Path, before: int, between: int, behind: int) -> None:
    classifier = _classifier(folder)
    text = " ".join(
        [*["the"] * before, "[E1] soup [/E1]", *["about"] * between, "[E2] salt bread [/E2]", *["today"] * behind]
    )
    (row,) = classifier.rows([text])
    assert len(row) == classifier.config.max_tokens
    assert row.channels[CHANNEL][row.places].tolist() == [1, 3]
    assert _tokens(classifier, row.ids[row.places + 1]) == ["soup", "salt"]
    assert _tokens(classifier, row.ids)[0] == "[CLS]"
    assert _tokens(classifier, row.ids)[-1] == "[SEP]"
    assert (row.channels[CHANNEL] > 0).sum() == 4


def test_window_keeps_what_lies_between_where_it_can() -> None:
    marks = np.zeros(100, np.int32)
    marks[[40, 42, 60, 63]] = [3, 4, 1, 2]
    assert window(marks, 30).tolist() == list(range(37, 67))  # 24 with the marks, 3 more on either side
    assert window(marks, 24).tolist() == list(range(40, 64))
    assert window(marks, 6).tolist() == [*range(39, 42), *range(59, 62)]


def test_thing_longer_than_the_window_leaves_both_opening_marks_in() -> None:
    marks = np.zeros(300, np.int32)
    marks[[10, 280, 285, 290]] = [1, 2, 3, 4]
    kept = window(marks, 21)
    assert len(kept) == 21
    assert {10, 285} <= set(kept.tolist())


# ---------------------------------------------------------------------------------------------------------- learning


@pytest.mark.parametrize("method", METHODS)
def test_direction_is_learnt_and_comes_back_from_disk(method: str, folder: Path, tmp_path: Path) -> None:
    part = _related()
    run = _run(folder, method, part)
    run.advance(1.0)
    model = run.model
    answers = model.predict(part.texts)
    right = np.mean([value == gold for value, gold in zip(answers.values, part.gold, strict=True)])
    assert right > 0.9
    model.save(tmp_path / "saved")
    again = plugins.load("families", "encoder").restore(tmp_path / "saved").predict(part.texts)
    np.testing.assert_allclose(again.probabilities, answers.probabilities, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_marks_learn_unless_what_lies_below_the_blocks_is_frozen(method: str, folder: Path) -> None:
    run = _run(folder, method, _related())
    run.advance(0.1)
    model = run.model
    assert isinstance(model, RelationClassifier)
    learnt = model.module.get_parameter(NEW).detach().abs().amax(1) > 0
    assert learnt.tolist() == [False, *[method not in ("top_layers", "head_only")] * 4]


@pytest.mark.parametrize("method", ["full", "head_only", "top_layers"])
def test_run_that_was_cut_goes_on_where_it_stood(method: str, folder: Path, tmp_path: Path) -> None:
    part = _related()
    whole, cut = _run(folder, method, part), _run(folder, method, part)
    whole.advance(0.2)
    cut.advance(0.1)
    cut.save(tmp_path)
    again = _run(folder, method, part)
    again.resume_from(tmp_path)
    again.advance(0.2)
    first, second = (entry.predict(part.texts[:6]).probabilities for entry in (whole, again))
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_each_weight_is_in_one_group_and_the_marks_go_with_the_head(folder: Path) -> None:
    classifier = _classifier(folder)
    groups = classifier.groups()
    names = [name for role in groups.values() for name in role]
    assert sorted(names) == sorted(name for name, _ in classifier.module.named_parameters())
    assert NEW in groups["head"]
    assert classifier.block_of(NEW) == -1


def test_working_copy_with_the_used_words_only_has_the_same_loss(folder: Path, bfloat16: bool) -> None:
    classifier, part = _classifier(folder), _related()
    rows = classifier.rows(part.texts)
    batch = padded(rows, 0)
    with torch.no_grad():
        wanted = float(classifier.loss(classifier.backbone(batch), batch, classifier.targets(rows, part.gold)))
    config = TrainingConfig(epochs=1, learning_rate=1e-3, head_learning_rate=1e-3)
    learner = Learner(classifier, config, TrainingSet(part.texts, part.gold), seed=0)
    result = float(learner._loss(list(range(len(rows)))).detach())
    assert next(learner._work.backbone.parameters()).dtype == (torch.bfloat16 if bfloat16 else torch.float32)
    # bfloat16 keeps 8 bits of a number: 0.4 % of each weight and state.
    assert result == pytest.approx(wanted, rel=1e-2 if bfloat16 else 1e-4)
    used, known = (entry.backbone.get_parameter("words.weight") for entry in (learner._work, classifier))
    assert len(used) < len(known)


def test_half_precision_gives_nearly_the_same_vectors(folder: Path) -> None:
    classifier = _classifier(folder)
    half = classifier.twin()
    half.halve()
    result, wanted = half.pooled([TEXT]), classifier.pooled([TEXT])
    assert result.dtype == torch.float32
    assert torch.allclose(result, wanted, atol=0.1)
    assert not torch.equal(result, wanted)


def test_screening_sees_the_marks_at_every_layer(folder: Path) -> None:
    classifier = _classifier(folder)
    features = classifier.features([TEXT])
    assert features.shape == (1, 3, 64)
    np.testing.assert_allclose(features[:, -1], classifier.pooled([TEXT]).numpy(), atol=1e-6)


def test_encoders_that_transformers_runs_have_marks_as_well(folder: Path, tmp_path: Path) -> None:
    path = tiny.hub_encoder_folder(tmp_path / "modern")
    classifier = _classifier(path)
    with torch.no_grad():
        before = classifier.pooled([TEXT])
        classifier.module.get_parameter(NEW)[1, 0] = 1.0
    assert not torch.allclose(classifier.pooled([TEXT]), before, atol=1e-3)
    restore = plugins.load("families", "encoder").restore
    contracts.check_restores(classifier, restore, [TEXT, "soup"], tmp_path / "saved")


@pytest.mark.parametrize(("family", "model"), [("cnn", "textcnn"), ("recurrent", "bilstm")])
def test_networks_from_scratch_embed_markers_and_distances(family: str, model: str) -> None:
    plugin = plugins.load("families", family)
    info = next(info for info in plugin.models() if info.name == model)
    network = plugin.create(info, None, _related(), Goal(labels=LABELS), seed=0)
    assert isinstance(network, RelationClassifier)
    (row,) = network.rows(["a [E2] b [/E2] [E1] c [/E1]"])
    # a [E2] b [/E2] [E1] c [/E1]: the first entity's marker is token 4, the second's token 1; 31 is not a distance.
    assert row.channels["first_distance"].tolist() == [27, 28, 29, 30, 31, 32, 33]
    assert row.channels["second_distance"].tolist() == [30, 31, 32, 33, 34, 35, 36]
    assert network.pooled_width == 3 * network.backbone.width


def test_order_of_the_marks_is_learnt_from_scratch_and_comes_back_from_disk(tmp_path: Path) -> None:
    part, plugin = _related(), plugins.load("families", "cnn")
    work = Workload(rows=len(part), characters=40, words=8, labels=2)
    setup = RunSetup(model_folder=None, work=work, seed=0)
    run = Run(Candidate(plugin.models()[0], "scratch"), part, Goal(labels=LABELS), setup)
    run.advance(0.5)
    answers = run.model.predict(part.texts)
    assert np.mean([given == right for given, right in zip(answers.values, part.gold, strict=True)]) > 0.9
    contracts.check_restores(run.model, plugin.restore, part.texts[:8], tmp_path / "model")
    contracts.check_answers(run.model, (*part.texts[:6], "", "[E1] soup [/E1]", "no marks"), Goal(labels=LABELS))
