"""What is traced above the hidden states. (As part of whole graphs: ``test_onnx_graph.py``, ``test_onnx_join.py``.)"""

from __future__ import annotations

import torch

from goldilocks.nets.export.onnx_head import tag_scores
from goldilocks.nets.heads.token_classifier import TagHead
from goldilocks.support.text import word_shape


def test_tag_scores_are_those_of_the_heads_in_inference() -> None:
    torch.manual_seed(0)
    heads = [TagHead(6, 3, chain=False, wide=True, reread=False).eval() for _ in range(2)]
    both = torch.nn.ModuleList(heads)
    for weight in both.parameters():
        torch.nn.init.normal_(weight)
    hidden, places = torch.randn(2, 5, 6), torch.tensor([[1, 3], [2, 2]])
    features = torch.randint(1, 9, (2, 2, word_shape.MAX_FEATURES))
    features[0, 1, 4:] = 0  # a word with fewer features
    with torch.no_grad():
        got = tag_scores(both, hidden, places, features)
        single = tag_scores(heads[0], hidden, places, None)
        for row, word in ((0, 0), (0, 1), (1, 0)):
            state, own = hidden[row, places[row, word]][None], features[row, word][None]
            wanted = [head(state) + head.wide(own) for head in heads if head.wide is not None]
            assert torch.allclose(got[row, word], torch.stack(wanted).mean(0)[0], rtol=1e-4, atol=1e-3)
            assert torch.allclose(single[row, word], heads[0](state)[0], atol=1e-5)
