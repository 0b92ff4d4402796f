"""Label words."""

import pytest

from goldilocks.errors import InputError
from goldilocks.nets.heads.verbalizers import words_of_labels

LABELS = ("food", "net_worth")


def test_labels_without_words_represent_themselves_without_underscores() -> None:
    assert words_of_labels(LABELS, {"food": "meal"}, "") == ("meal", "net worth")


@pytest.mark.parametrize(
    ("words", "template", "message"),
    [
        ({"foot": "meal"}, "", "'foot', which is not a label. Did you mean 'food'?"),
        ({"food": "net worth"}, "", "two labels have the words 'net worth'"),
        ({}, "It was {mask}.", "has no place for the item; write {text} there"),
    ],
)
def test_words_and_patterns_that_cannot_be_used_are_refused(words: dict[str, str], template: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        words_of_labels(LABELS, words, template)
    assert message in str(caught.value)


@pytest.mark.parametrize("template", ["It was {mask}. {text}", "{text1} {mask} {text2}"])
def test_patterns_with_a_place_for_the_item_are_accepted(template: str) -> None:
    assert words_of_labels(LABELS, {}, template) == ("food", "net worth")
