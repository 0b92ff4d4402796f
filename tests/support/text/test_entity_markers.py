from __future__ import annotations

import pytest

from goldilocks.support.text.entity_markers import all_marked, cut


def test_marks_that_touch_their_neighbours_are_cut_off() -> None:
    assert cut("a[E2]b[/E2][E1] c d [/E1].") == ["a", "[E2]", "b", "[/E2]", "[E1]", "c d", "[/E1]", "."]
    assert cut(" [e1] E1 ") == ["[e1] E1"]
    assert cut("") == []


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["[E2] b [/E2] [E1] a [/E1]"], True),
        (["[E1] a [E2] b [/E2] [/E1]"], True),  # one within the other
        (["[E1] a [/E1] [E2] b [/E2]", "a b"], False),
        (["[/E1] a [E1] [E2] b [/E2]"], False),
        (["[E1] a [/E1] [E2] b"], False),
        ([("[E1] a [/E1]", "[E2] b [/E2]")], False),
        ([], False),
    ],
)
def test_all_texts_must_have_both_things_marked(texts: list[str | tuple[str, ...]], wanted: bool) -> None:
    assert all_marked(texts) is wanted
