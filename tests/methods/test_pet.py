from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.nets.heads.decoder_classifier import DecoderClassifier
from goldilocks.records import Candidate, Goal, Output, Workload
from goldilocks.testing import tiny
from goldilocks.tuning.run import Run, RunSetup

PART = tiny.part(24)
METHOD: Any = plugins.load("methods", "pet")
FAMILY = plugins.load("families", "decoder")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.decoder_folder(tmp_path_factory.mktemp("pet") / "tiny-decoder")


def decoder(folder: Path, goal: Goal = tiny.GOAL, **options: Any) -> DecoderClassifier:
    """The network as the method begins with it."""
    info = FAMILY.describe(folder, str(folder))
    assert info is not None
    made = METHOD.with_head(FAMILY.create(info, folder, PART, goal, seed=0), METHOD.Options(**options))
    METHOD.prepare(made, METHOD.Options(**options))
    assert isinstance(made, DecoderClassifier)
    return made


def test_calibrated_scores_have_mean_zero_over_the_training_texts(folder: Path) -> None:
    network = decoder(folder)
    METHOD.objective(network, PART.texts, PART.gold, METHOD.Options())
    with torch.no_grad():
        means = network.score_pooled(network.pooled(PART.texts)).mean(0)
    assert means.abs().max() < 1e-4


def test_without_calibration_the_bias_is_zero(folder: Path) -> None:
    network, options = decoder(folder), METHOD.Options(calibrate=False)
    METHOD.objective(network, PART.texts, PART.gold, options)
    assert not network.head.bias.any()  # type: ignore[operator]


def test_a_long_item_is_cut_and_the_pattern_is_not(folder: Path) -> None:
    network = decoder(folder)
    long, short = network.rows(["soup " * 5_000, "soup"])
    assert len(long.ids) <= network.max_positions
    assert long.ids[-3:].tolist() == short.ids[-3:].tolist()


def test_words_may_stand_for_labels(folder: Path) -> None:
    network = decoder(folder, words={"money": "the bank"})
    (row,) = network.rows(["soup"])
    assert "the bank" in network.tokenizer.decode(row.ids.tolist(), skip_special_tokens=False)
    own = network.label_ids()[network.labels.index("money")]
    assert network.tokenizer.decode(own).strip() == "the bank"


def test_scores_of_several_labels_begin_at_the_share_of_each(folder: Path) -> None:
    network = decoder(folder, Goal(labels=tiny.LABELS, several=True))
    texts = PART.texts[:8]
    gold = [tiny.LABELS] * 2 + [tiny.LABELS[:1]] * 4 + [()] * 2  # the first label in 6 of 8, the others in 2
    METHOD.objective(network, texts, gold, METHOD.Options())
    with torch.no_grad():
        means = network.score_pooled(network.pooled(texts)).mean(0)
    assert means.tolist() == pytest.approx([np.log(3), np.log(1 / 3), np.log(1 / 3)], abs=1e-4)


def test_models_without_scores_of_words_are_refused(tmp_path: Path) -> None:
    encoder = tiny.encoder_folder(tmp_path / "encoder")
    info = plugins.load("families", "encoder").describe(encoder, str(encoder))
    assert info is not None
    assert "use `contrastive`" in str(METHOD.incompatibility(info))
    assert "use `lora`" in str(METHOD.declined(Output.SCORE))


def test_a_tuned_model_answers_alike_after_loading(folder: Path, tmp_path: Path) -> None:
    info = FAMILY.describe(folder, str(folder))
    assert info is not None
    rates = {"learning_rate": 1e-3, "head_learning_rate": 1e-3}  # untrained weights need more than pretrained ones
    run = Run(Candidate(info, "pet"), PART, tiny.GOAL, RunSetup(folder, Workload(24, 30, 6, 3), seed=0, training=rates))
    run.advance(1.0)
    model = run.model
    right = [answer == gold for answer, gold in zip(model.predict(PART.texts).values, PART.gold, strict=True)]
    assert sum(right) >= 20
    model.save(tmp_path / "model")
    again = FAMILY.restore(tmp_path / "model").predict(PART.texts)
    assert np.abs(again.probabilities - model.predict(PART.texts).probabilities).max() < 1e-3


TEMPLATE = "{text} All in all, it is about"


@pytest.mark.parametrize("template", [TEMPLATE, f"{TEMPLATE} {{mask}}"])
def test_items_stand_in_a_template_without_instruction(folder: Path, template: str) -> None:
    network = decoder(folder, patterns=(template,))
    (row,) = network.rows(["soup\n{text1} bread"])
    shown = network.tokenizer.decode(row.ids.tolist())
    assert shown == "soup {text1} bread All in all, it is about"
    assert network.tokenizer.decode(network.label_ids()[0]) == " food"


def test_template_without_a_place_for_the_item_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"the pattern 'It is' has no place for the item; write \{text\} there"):
        decoder(folder, patterns=("It is",))


def test_decoder_refuses_a_pattern_that_goes_on_behind_the_label_words(folder: Path) -> None:
    with pytest.raises(InputError, match=r"continues after \{mask\}.*exclude the decoders"):
        decoder(folder, patterns=("It is {mask}. {text}",))


def test_each_pattern_and_seed_is_a_variant_of_its_own() -> None:
    two = METHOD.variants(METHOD.Options(patterns=("prompt", TEMPLATE), seeds=2))
    got = [(variant.options.patterns, variant.options.seeds, variant.seed) for variant in two]
    assert got == [(("prompt",), 1, 0), (("prompt",), 1, 1), ((TEMPLATE,), 1, 0), ((TEMPLATE,), 1, 1)]
    assert len(METHOD.variants(METHOD.Options(seeds=3))) == 3
    assert not METHOD.variants(METHOD.Options())


def test_no_seed_at_all_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="seeds is 0; train at least one model"):
        decoder(folder, seeds=0)


def run_with(folder: Path, *patterns: str, unlabelled: tuple[tuple[str, str], ...] = ()) -> Run:
    info = FAMILY.describe(folder, str(folder))
    assert info is not None
    rates = {"learning_rate": 1e-3, "head_learning_rate": 1e-3, "epochs": 8.0}
    options = METHOD.Options(patterns=patterns)
    setup = RunSetup(folder, Workload(24, 30, 6, 3), seed=0, training=rates, options=options, unlabelled=unlabelled)
    return Run(Candidate(info, "pet"), PART, tiny.GOAL, setup)


def test_final_model_learns_what_the_patterns_answer_together_to_unlabelled_rows_too(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = [str(text) for text in tiny.part(24, seed=5).texts]
    pairs = tuple((text, text) for text in more)
    logs = []
    for pattern in ("prompt", TEMPLATE):
        alone = run_with(folder, pattern)
        alone.advance(1.0)
        logs.append(np.log(np.clip(alone.model.predict([*PART.texts, *more]).probabilities, 1e-6, 1)))
    joint = np.exp(np.mean(logs, axis=0))
    joint /= joint.sum(1, keepdims=True)

    run = run_with(folder, "prompt", TEMPLATE, unlabelled=pairs)
    run.advance(0.5)
    run.save(tmp_path / "checkpoint")
    assert run._taught is not None
    assert np.allclose(run._taught, joint, atol=1e-3)
    run.advance(1.0)
    answers = run.predict(more).probabilities
    assert (answers.argmax(1) == joint[24:].argmax(1)).mean() > 0.6  # of three labels

    def trained_again(*_: object) -> None:
        raise AssertionError("the variants are trained again")

    monkeypatch.setattr("goldilocks.tuning.run.joint_probabilities", trained_again)
    resumed = run_with(folder, "prompt", TEMPLATE, unlabelled=pairs)
    resumed.resume_from(tmp_path / "checkpoint")
    resumed.advance(1.0)
    assert np.allclose(resumed.predict(more).probabilities, answers, atol=1e-5)
