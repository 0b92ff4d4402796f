"""Unlabelled rows of a task for training, each with a varied copy."""

from __future__ import annotations

from pathlib import Path

from goldilocks.data.locate import locate
from goldilocks.data.splitting.duplicates import normalise
from goldilocks.data.unlabelled import arriving, columns_of
from goldilocks.errors import InputError
from goldilocks.protocols import Task
from goldilocks.records import Augmentation, Dataset, TaskSpec, Text, as_text
from goldilocks.selection.augmentation import varied_texts

_NOISE = (Augmentation("char_noise"), Augmentation("chinese_noise"))
"""Copies where the task file names no augmenter; each of the two leaves the other's texts as they are."""


def unlabelled_pairs(spec: TaskSpec, task: Task, dataset: Dataset, *, offline: bool) -> tuple[tuple[Text, Text], ...]:
    """The rows of ``data.unlabelled``, each once, with a copy by ``augment`` (or typing errors).

    Rows that are also validation or test rows are left out: a model that answers them must not have seen them.

    Args:
        spec: Names the file, its columns and the augmenter.
        task: Says what is read of a row.
        dataset: All its parts, the test part included.
        offline: Whether the Hub must not be asked.

    Raises:
        InputError: the task does not have one label per item, or the file holds no usable row.
    """
    source = spec.data.unlabelled
    if source is None:
        return ()
    if not dataset.goal.one_label:
        raise InputError("task file: data.unlabelled is for tasks with one label per item; leave it out.")
    path = locate(source, spec.folder)
    fields = {role: column for role, column in spec.data.fields.items() if role in task.READS}
    held_out = {normalise(as_text(text)) for part in (dataset.validation, dataset.test) for text in part.texts}
    texts = tuple(
        dict.fromkeys(
            item
            for batch in arriving(path, task, columns_of(task, fields))
            for _, item in batch
            if not isinstance(item, InputError) and normalise(as_text(item)) not in held_out
        )
    )
    if not texts:
        raise InputError(
            f"task file: data.unlabelled: {path} holds no usable row that is not a validation or test row."
        )
    return tuple(zip(texts, _copies(texts, spec, spec.folder, offline=offline), strict=True))


def _copies(texts: tuple[Text, ...], spec: TaskSpec, folder: Path, *, offline: bool) -> list[Text]:
    copies: list[Text] = list(texts)
    for choice in (spec.augment,) if spec.augment is not None else _NOISE:
        copies = varied_texts(copies, choice, folder, offline=offline, seed=spec.seed)
    return copies
