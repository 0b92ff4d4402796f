"""Terms for classes in messages."""

import pytest

from goldilocks.data.checks.class_terms import class_terms
from goldilocks.records import Output


@pytest.mark.parametrize(
    ("labels", "output", "term", "name"),
    [
        (["B-PER", "O"], Output.LABEL, "label", "B-PER"),
        (["B-PER", "I-PER", "O"], Output.TAGS, "entity type", "PER"),
        (["NOUN", "B-PER"], Output.TAGS, "tag", "B-PER"),
    ],
)
def test_tags_are_reduced_to_entity_types_where_all_are_in_iob2(
    labels: list[str], output: Output, term: str, name: str
) -> None:
    terms = class_terms(labels, output)
    assert (terms.singular, terms.name("B-PER"), terms.name("O")) == (term, name, "O")
