from __future__ import annotations

import itertools

import torch

from goldilocks.nets.layers.linear_chain_crf import FORBIDDEN, LinearChainCrf, iob2_constraints, viterbi

LABELS = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")


def _drawn() -> tuple[torch.Tensor, torch.Tensor, LinearChainCrf]:
    """Scores of three sentences of 4, 2 and 1 words over 3 labels, their mask, and a crf that knows something."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(3, 4, 3, generator=generator)
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], dtype=torch.bool)
    crf = LinearChainCrf(3)
    with torch.no_grad():
        crf.transitions.copy_(torch.randn(3, 3, generator=generator))
        crf.start_transitions.copy_(torch.randn(3, generator=generator))
    return scores, mask, crf


def _by_hand(scores: torch.Tensor, length: int, crf: LinearChainCrf) -> dict[tuple[int, ...], float]:
    """Every sequence of labels and its score, one by one."""
    result = {}
    transitions, first = crf.transitions.tolist(), crf.start_transitions.tolist()
    for path in itertools.product(range(3), repeat=length):
        total = first[path[0]] + sum(float(scores[word, label]) for word, label in enumerate(path))
        result[path] = total + sum(transitions[a][b] for a, b in itertools.pairwise(path))
    return result


def test_best_path_is_the_best_of_all_sequences() -> None:
    scores, mask, crf = _drawn()
    paths = viterbi(scores, mask, crf.transitions, crf.start_transitions)
    for row, length in enumerate([4, 2, 1]):
        every = _by_hand(scores[row], length, crf)
        assert tuple(paths[row, :length].tolist()) == max(every, key=every.__getitem__)


def test_probability_is_the_share_of_the_sum_over_all_sequences() -> None:
    scores, mask, crf = _drawn()
    tags = torch.tensor([[2, 0, 1, 1], [1, 2, 0, 0], [0, 0, 0, 0]])
    got = crf.log_probability(scores, mask, tags)
    for row, length in enumerate([4, 2, 1]):
        every = _by_hand(scores[row], length, crf)
        norm = torch.logsumexp(torch.tensor(list(every.values())), 0)
        assert torch.isclose(got[row], every[tuple(tags[row, :length].tolist())] - norm, atol=1e-5)


def test_chain_that_knows_nothing_is_the_product_of_the_words() -> None:
    scores, mask, _ = _drawn()
    tags = torch.zeros(3, 4, dtype=torch.long)
    each = torch.log_softmax(scores, 2)[:, :, 0]
    assert torch.allclose(LinearChainCrf(3).log_probability(scores, mask, tags), (each * mask).sum(1), atol=1e-5)


def test_rules_allow_an_inside_tag_only_behind_its_own_entity() -> None:
    result = iob2_constraints(LABELS)
    assert result is not None
    transitions, first = result
    allowed = {(a, b) for i, a in enumerate(LABELS) for j, b in enumerate(LABELS) if transitions[i, j] == 0}
    assert {(a, b) for a, b in allowed if b == "I-PER"} == {("B-PER", "I-PER"), ("I-PER", "I-PER")}
    assert {a for a, b in allowed if b == "O"} == set(LABELS)
    assert first.tolist() == [0, 0, FORBIDDEN, FORBIDDEN, 0]


def test_inside_tag_without_a_beginning_among_the_labels_is_free() -> None:
    result = iob2_constraints(("B-LOC", "I-PER", "O"))
    assert result is not None
    assert result[0].abs().sum() == 0


def test_parts_of_speech_have_no_rules() -> None:
    assert iob2_constraints(("NN", "VB")) is None


def test_longer_sentence_beside_it_changes_no_path() -> None:
    scores, mask, crf = _drawn()
    together = viterbi(scores, mask, crf.transitions, crf.start_transitions)
    alone = viterbi(scores[1:2, :2], mask[1:2, :2], crf.transitions, crf.start_transitions)
    assert together[1, :2].tolist() == alone[0].tolist()
