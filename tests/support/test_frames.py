"""Label names of ``datasets``, which is no dependency: a stand-in has the parts of its interface that are used."""

from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from goldilocks.support.frames import table_of


def dataset(columns: dict[str, list[Any]], features: dict[str, Any]) -> Any:
    table = pa.table(columns)
    kind = type("Dataset", (), {"__module__": "datasets.arrow_dataset"})
    made = kind()
    made.features = features
    made.with_format = lambda form: {"arrow": _Whole(table)}[form]
    return made


class _Whole:
    """``dataset[:]`` in Arrow's format."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __getitem__(self, rows: slice) -> pa.Table:
        assert rows == slice(None)
        return self.table


def test_numbers_of_class_labels_become_their_names() -> None:
    data = dataset(
        {"text": ["a", "b", "c"], "label": [1, 0, -1], "stars": [1, 2, 3]},
        {"text": object(), "label": SimpleNamespace(names=["neg", "pos"]), "stars": object()},
    )
    assert table_of(data).to_pydict() == {"text": ["a", "b", "c"], "label": ["pos", "neg", None], "stars": [1, 2, 3]}


def test_numbers_of_tags_become_their_names() -> None:
    tags = SimpleNamespace(feature=SimpleNamespace(names=["O", "B-PER"]))
    data = dataset({"tokens": [["Bo", "ran"]], "tags": [[1, 0]]}, {"tokens": object(), "tags": tags})
    assert table_of(data).column("tags").to_pylist() == [["B-PER", "O"]]
