from __future__ import annotations

import pytest
import torch

from goldilocks.errors import InputError
from goldilocks.families import decoder
from goldilocks.nets.heads.decoder_generator import DecoderGenerator, DecoderGeneratorConfig, Scale, _pieces
from goldilocks.records import Generation, Goal, Output, Part
from goldilocks.testing import tiny

PART = Part(("ab", "cd") * 4, ("xyz " * 8, "uvw " * 8) * 4, tuple(range(8)))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> DecoderGenerator:
    folder = tiny.decoder_folder(tmp_path_factory.mktemp("decoder") / "tiny")
    info = decoder.describe(folder, str(folder))
    assert info is not None
    goal = Goal(Output.TEXT, instruction="Write.", generation=Generation(max_tokens=9))
    made = decoder.create(info, folder, PART, goal, seed=0)
    assert isinstance(made, DecoderGenerator)
    made.fit(PART.texts, PART.gold, seed=0)
    return made


def test_request_takes_precedence_and_leaves_the_defaults_alone(network: DecoderGenerator) -> None:
    before = network.predict(["ab"]).values
    shorter = network.predict(["ab"], generation=Generation(max_tokens=2)).values

    assert len(str(shorter[0])) <= 2  # a token is a byte, so a character at most
    assert network.generation == Generation(max_tokens=9)
    assert network.predict(["ab"]).values == before


def test_seed_of_a_request_decides_what_is_sampled(network: DecoderGenerator) -> None:
    first, again, other = (
        network.predict(["ab", "cd"], generation=Generation(temperature=1.5, seed=seed)).values for seed in (1, 1, 2)
    )
    assert first == again != other


def test_more_tokens_than_the_context_are_refused(network: DecoderGenerator) -> None:
    with pytest.raises(InputError, match=r"max_tokens is 5000; the context of this decoder is 2048 tokens"):
        network.predict(["ab"], generation=Generation(max_tokens=5000))


def test_word_table_is_not_sparse_because_it_is_the_output_matrix(network: DecoderGenerator) -> None:
    assert network.sparse_embedding is None
    assert network.backbone.word_embedding == "words"


def test_head_starts_as_the_identity() -> None:
    states = torch.arange(6.0).view(2, 3)
    assert torch.equal(Scale(3)(states), states)


def test_config_has_the_form_of_the_training_answers(network: DecoderGenerator) -> None:
    head = network.config.head
    assert isinstance(head, DecoderGeneratorConfig)
    # 32 bytes and BOS: half as many again and 4 more.
    assert head.max_tokens == int(1.5 * 33 + 4)
    assert (head.one_line, head.continues_program) == (True, False)


def test_long_text_is_scored_in_chunks_with_the_tokens_before_each() -> None:
    chunks = list(_pieces([0], list(range(1, 1026))))
    assert [len(target) for _, target in chunks] == [512, 512, 1]
    assert chunks[0][0] == [0]
    assert chunks[1] == (list(range(1, 513)), list(range(513, 1025)))
