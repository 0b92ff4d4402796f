from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.backbones.seq2seq_decoder import Seq2SeqBackbone, Seq2SeqDecoder, beams_of


class _Fixed(Seq2SeqDecoder):
    """Logits that depend on the last token only."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.randn((5, 5), generator=torch.Generator().manual_seed(0))

    def logits(self, states: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
        return self.table[ids]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_is_cross_entropy_over_the_targets_without_padding(smoothing: float) -> None:
    decoder, ids = _Fixed(), torch.tensor([[2, 4, 0], [2, 0, 0]])
    is_target = torch.tensor([[True, True, False], [True, False, False]])
    targets = torch.tensor([4, 3, 1])
    loss = decoder.loss(torch.zeros(2, 1, 1), torch.ones(2, 1), ids, targets, is_target, smoothing)
    expected = F.cross_entropy(decoder.table[[2, 4, 2]], targets, label_smoothing=smoothing)
    assert float(loss) == pytest.approx(float(expected))


def test_beams_of_sources_are_numbered_flat() -> None:
    assert beams_of(torch.tensor([0, 2]), 3).tolist() == [0, 1, 2, 6, 7, 8]


def test_a_decoder_has_to_say_how_it_steps() -> None:
    class Nothing(Seq2SeqDecoder):
        pass

    nothing, some = Nothing(), torch.zeros(1)
    for call in (
        lambda: nothing.logits(some, some, some),
        lambda: nothing.start(some, some, 1),
        lambda: nothing.step(some, None),
        lambda: nothing.reorder(None, some),
        lambda: nothing.select(None, some),
        nothing.groups,
        Seq2SeqBackbone().new_decoder,
    ):
        with pytest.raises(NotImplementedError):
            call()
