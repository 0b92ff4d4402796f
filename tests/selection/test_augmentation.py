from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.errors import InputError, MissingError
from goldilocks.records import Augmentation, Candidate, DataProfile, Dataset, ModelInfo, Output
from goldilocks.selection.augmentation import check_augmentation, is_prompted, with_copies
from goldilocks.testing import tiny

DATA = Dataset(
    tiny.part(30), tiny.part(12, seed=1), tiny.part(0), tiny.LABELS, "abc", DataProfile({}, {}, {}, {}, "en", {})
)


def augmented(choice: Augmentation | None) -> Dataset:
    return with_copies(DATA, choice, Path(), offline=True, seed=0)


def test_copies_stand_behind_the_training_rows_and_nothing_else_changes() -> None:
    got = augmented(Augmentation("char_noise", copies=2))
    assert got.train.texts[:30] == DATA.train.texts
    assert 30 < len(got.train) <= 90
    assert (got.validation, got.test, got.fingerprint) == (DATA.validation, DATA.test, "abc")
    for text, gold, row in zip(got.train.texts[30:], got.train.gold[30:], got.train.rows[30:], strict=True):
        assert gold == DATA.train.gold[row - 1]
        assert text not in DATA.validation.texts
    assert got == augmented(Augmentation("char_noise", copies=2))
    assert augmented(None) is DATA


def test_mistakes_are_named() -> None:
    with pytest.raises(MissingError, match=r"No augmenters plug-in is named 'edaa'. Did you mean 'eda'"):
        check_augmentation(Augmentation("edaa"), Output.LABEL)
    with pytest.raises(InputError, match=r"unknown key 'augment.options.shares'.* Did you mean 'share'"):
        check_augmentation(Augmentation("eda", options={"shares": 1}), Output.LABEL)
    with pytest.raises(InputError, match=r"augment\.options\.share is 'much'"):
        check_augmentation(Augmentation("eda", options={"share": "much"}), Output.LABEL)
    with pytest.raises(InputError, match="does not keep right answers of the kind text"):
        check_augmentation(Augmentation("eda"), Output.TEXT)
    with pytest.raises(InputError, match="does not keep right answers of the kind tags; use char_noise"):
        check_augmentation(Augmentation("contextual", options={"model": "x"}), Output.TAGS)
    with pytest.raises(InputError, match="back_translation needs two translation bundles"):
        augmented(Augmentation("back_translation"))
    with pytest.raises(InputError, match="back_translation nowhere is not a bundle"):
        augmented(Augmentation("back_translation", options={"there": "nowhere", "back": "nowhere"}))


def test_only_candidates_that_are_not_trained_are_prompted() -> None:
    info = ModelInfo("m", "decoder", "hf://a/b", "", "", (), "mit", 1, 1, groups=("prompt", "attention", "head"))
    assert is_prompted(Candidate(info, "zero_shot"))
    assert not is_prompted(Candidate(info, "lora"))
    counts = plugins.load("families", "majority").models()[0]
    assert not is_prompted(Candidate(counts, "scratch"))
