from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from made import bundle

from goldilocks.bundle.generation import generate_so
from goldilocks.bundle.read import Bundle, load
from goldilocks.errors import InputError
from goldilocks.records import Generation, Output


@dataclass
class Writer:
    """What a model that writes has beside its answers."""

    generation: Generation = field(default_factory=lambda: Generation(max_tokens=9, stops=("END",)))


@pytest.fixture
def labels(tmp_path: Path) -> Bundle:
    return load(bundle(tmp_path / "bundle"))


def writing(like: Bundle, model: Any) -> Bundle:
    return Bundle(replace(like.info, family="decoder", output=Output.TEXT), model, like.folder)


def test_what_is_not_said_stays_as_it_was_told(labels: Bundle) -> None:
    model = Writer()

    found = generate_so(writing(labels, model), {"temperature": 0.5, "top_p": None, "seed": 4})

    assert found == model.generation == Generation(max_tokens=9, temperature=0.5, stops=("END",), seed=4)


def test_bundle_that_does_not_write_takes_no_flags(labels: Bundle) -> None:
    assert generate_so(labels, {"max_tokens": None}) == Generation()
    with pytest.raises(
        InputError, match=r"\(label, by naive_bayes\) are not written .*; leave out --max-tokens, --stop\."
    ):
        generate_so(labels, {"max_tokens": 5, "stops": ("a",)})


def test_likelihoods_are_not_written_either(labels: Bundle) -> None:
    judging = replace(writing(labels, Writer()), info=replace(labels.info, output=Output.LIKELIHOOD))
    with pytest.raises(InputError, match=r"leave out --seed\."):
        generate_so(judging, {"seed": 5})


def test_share_of_nothing_is_refused(labels: Bundle) -> None:
    with pytest.raises(InputError, match=r"top_p is 0\.0; it must be above 0"):
        generate_so(writing(labels, Writer()), {"top_p": 0.0})
