from __future__ import annotations

import numpy as np

from goldilocks import plugins
from goldilocks.nets.backbones.casing_embeddings import casing_feature
from goldilocks.nets.heads.span_extractor import SpanExtractor, Window
from goldilocks.nets.heads.span_features import TokenFeatures
from goldilocks.records import Goal, Output, Part


def test_channels_of_a_pair() -> None:
    channels = TokenFeatures(("matches", "shapes")).of_pair(["Who", "met", "Al", "?"], ["Al", "met", "al", "?"])
    asked, context = channels["matches"]
    assert asked.tolist() == [0, 0, 0, 0]
    assert context.tolist() == [1, 2, 2, 2]  # "met al" and "al ?" are in the question
    assert channels["shapes"][1].tolist() == [casing_feature("shapes", word) for word in ("Al", "met", "al", "?")]


def test_channels_stand_at_their_tokens_in_every_window() -> None:
    family = plugins.load("families", "recurrent")
    info = next(info for info in family.models() if info.name == "bilstm")
    context = " ".join(f"w{number}" for number in range(900)) + " needle"
    part = Part(texts=(("where is the needle", context),), gold=(((context.index("needle"), "needle"),),), rows=(1,))
    network = family.create(info, None, part, Goal(Output.SPAN), seed=0)
    assert isinstance(network, SpanExtractor)
    rows = network.rows(part.texts)
    assert len(rows) > 1
    for row in rows:
        assert isinstance(row, Window)
        matches = row.channels["matches"]
        assert len(matches) == len(row.ids)
        for place in np.flatnonzero(matches).tolist():
            start, end = row.offsets[place - row.begins]
            assert context[start:end] == "needle"
    assert sum(bool(row.channels["matches"].any()) for row in rows) == 1
