from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from goldilocks.nets.backbones.seq2seq_decoder import Seq2SeqDecoder
from goldilocks.nets.generation.beam_search import BeamSearch, beam_search

START, END, A, B, C = range(5)


class MarkovDecoder(Seq2SeqDecoder):
    """The next token depends on the last one and on the number that stands for the source."""

    def __init__(self, *tables: dict[int, dict[int, float]]) -> None:
        super().__init__()
        self.table = torch.full((len(tables), 5, 5), 1e-9)
        for number, table in enumerate(tables):
            for last, following in table.items():
                for token, probability in following.items():
                    self.table[number, last, token] = probability

    def start(self, states: Tensor, mask: Tensor, beams: int) -> Any:
        return {"source": states[:, 0, 0].long(), "ids": torch.zeros(len(states) * beams, 0).long(), "beams": beams}

    def step(self, ids: Tensor, state: Any) -> Tensor:
        state["ids"] = torch.cat([state["ids"], ids.reshape(-1, 1)], dim=1)
        last = state["ids"][:, -1].view(ids.shape)  # from the state, to see that it is put in order
        return self.table[state["source"].unsqueeze(1), last].log()

    def reorder(self, state: Any, places: Tensor) -> None:
        state["ids"] = state["ids"][places]

    def select(self, state: Any, sources: Tensor) -> None:
        beams = state["beams"]
        state["source"] = state["source"][sources]
        state["ids"] = state["ids"].view(-1, beams, state["ids"].shape[1])[sources].flatten(0, 1)


def ask(decoder: MarkovDecoder, *sources: int, limit: int = 9, **search: Any) -> list[tuple[list[int], float]]:
    states = torch.tensor(sources, dtype=torch.float32).view(-1, 1, 1)
    return beam_search(
        decoder, states, torch.ones(len(sources), 1), [limit] * len(sources), BeamSearch(START, END, **search)
    )


# A is the likelier beginning, but what follows it is split; B is sure of what follows: .6 * .5 < .4 * 1.
PATH = {START: {A: 0.6, B: 0.4}, A: {END: 0.5, C: 0.5}, B: {END: 1.0}, C: {END: 1.0}}


def test_one_beam_takes_the_likeliest_token_each_time() -> None:
    ((tokens, mean),) = ask(MarkovDecoder(PATH), 0, beams=1, penalty=0.0)
    assert tokens == [A]
    assert mean == pytest.approx(math.log(0.6 * 0.5) / 2, abs=1e-5)


def test_two_beams_find_the_more_probable_answer() -> None:
    ((tokens, mean),) = ask(MarkovDecoder(PATH), 0, beams=2, penalty=0.0)
    assert tokens == [B]
    assert mean == pytest.approx(math.log(0.4) / 2, abs=1e-5)


def test_a_penalty_on_length_makes_answers_longer() -> None:
    # Divided by the square of its length, log .6 = -.51 of "end" stays, log(.4 * .4) of "A B end" becomes -.20 and
    # log(.4 * .6 * .4) of "A A B end" -.15; "A A A B end" with -.114 comes after three answers were found.
    table = {START: {END: 0.6, A: 0.4}, A: {A: 0.6, B: 0.4}, B: {END: 1.0}}
    assert ask(MarkovDecoder(table), 0, beams=3, penalty=0.0)[0][0] == []
    assert len(ask(MarkovDecoder(table), 0, beams=3, penalty=2.0)[0][0]) > 1


def test_sources_that_end_at_different_times_answer_as_they_do_alone() -> None:
    long = {START: {A: 1.0}, A: {B: 1.0}, B: {C: 1.0}, C: {A: 0.4, END: 0.6}}
    chain = MarkovDecoder(PATH, long)
    together = ask(chain, 0, 1, 0, 1, beams=2)
    alone = [ask(chain, source, beams=2)[0] for source in (0, 1, 0, 1)]
    assert [tokens for tokens, _ in together] == [tokens for tokens, _ in alone]
    assert together[1][0] == [A, B, C]
    assert [mean for _, mean in together] == pytest.approx([mean for _, mean in alone])


def test_an_answer_that_reaches_its_limit_is_cut() -> None:
    endless = MarkovDecoder({START: {A: 1.0}, A: {A: 1.0}})
    assert ask(endless, 0, limit=4, beams=2)[0][0] == [A] * 4


def test_forbidden_tokens_are_not_written() -> None:
    assert ask(MarkovDecoder(PATH), 0, beams=1, never=(A,))[0][0] == [B]
