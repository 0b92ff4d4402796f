"""Data sets of continual learning."""

import pytest

from goldilocks.errors import InputError
from goldilocks.records import DataProfile, Dataset, Part
from goldilocks.selection.continual_data import ContinualDomain, old_rows, training_data, with_short_names


def part(*texts: str) -> Part:
    return Part(texts, tuple("yes" for _ in texts), tuple(range(1, len(texts) + 1)))


def domain(name: str, train: Part, test: Part, *, old: bool) -> ContinualDomain:
    profile = DataProfile({}, {}, {}, {}, "en", {})
    dataset = Dataset(train, part(f"{name} validation"), test, ("yes",), "0123456789abcdef", profile)
    return ContinualDomain(name, dataset, old=old, unseen=True)


def test_paths_are_shortened_where_file_names_differ_and_given_names_stay() -> None:
    names = ("a/rows.csv", "b/rows.csv", "c/new.csv", "given/name")
    domains = [domain(name, part("x"), part("y"), old=True) for name in names]

    assert [short.name for short in with_short_names(domains, {"given/name"})] == [
        "a/rows.csv",
        "b/rows.csv",
        "new.csv",
        "given/name",
    ]


def test_no_training_row_is_a_test_row_of_another_data_set() -> None:
    old = domain("old", part("one", "two", "three"), part("four"), old=True)
    new = domain("new", part("four", "five"), part("two"), old=False)

    assert set(old_rows([old, new], seed=0).texts) == {"one", "three"}
    dataset, replayed = training_data([old, new], Part(), ("yes",), None, None)
    assert (dataset.train.texts, replayed) == (("five",), 0)


def test_new_rows_that_are_all_held_out_are_refused() -> None:
    old = domain("old", part("one"), part("four"), old=True)
    new = domain("new", part("four"), part("two"), old=False)
    with pytest.raises(InputError, match="every new training row is a validation or test row"):
        training_data([old, new], Part(), ("yes",), None, None)
