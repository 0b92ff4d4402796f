from __future__ import annotations

from goldilocks.nets.export.onnx_form import GraphSignature

TAGS = GraphSignature(
    {"ids": ("rows", "tokens"), "mask": ("rows", "tokens"), "places": ("rows", "words")}, "scores", ("rows", 5)
)
ALONE = GraphSignature({"ids": (1, "tokens"), "features": (1, "words", 28)}, "scores", (1, "words", 5))


def test_names_are_axes_left_open_and_numbers_are_sizes() -> None:
    assert TAGS.open_axes()["places"] == {0: "rows", 1: "words"}
    assert TAGS.open_axes()["scores"] == {0: "rows"}
    assert ALONE.open_axes() == {"ids": {1: "tokens"}, "features": {1: "words"}, "scores": {1: "words"}}
    assert {name: tuple(table.shape) for name, table in ALONE.example().items()} == {
        "ids": (1, 3),
        "features": (1, 2, 28),
    }


def test_graph_without_a_mask_takes_one_row() -> None:
    assert TAGS.batches
    assert not ALONE.batches
