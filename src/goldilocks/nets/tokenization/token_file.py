"""Token rows in a file, for training rows that do not fit into memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from goldilocks.errors import InputError
from goldilocks.nets.tokenization.batching import Row
from goldilocks.support.disk_columns import DiskColumn


class TokenFile(DiskColumn[Row]):
    """Rows with token ids and further channels; those of networks that pool have nothing else."""

    def __init__(self, folder: Path) -> None:
        """Begin an empty file in a folder."""
        super().__init__(folder)
        self._channels: tuple[str, ...] | None = None

    def spelled(self, value: Row) -> bytes:
        """See ``DiskColumn.spelled``: the number of the item, then ids and channels, int32 each.

        Raises:
            InputError: the row has more than tokens.
        """
        names = tuple(value.channels)
        if self._channels is None:
            self._channels = names
        if names != self._channels or len(value.places) or len(value.known) or value.first:
            raise InputError("data.stream is for networks that classify whole items; leave it out for this candidate.")
        columns = [np.asarray([value.item], np.int32), value.ids, *value.channels.values()]
        return np.concatenate(columns).astype(np.int32).tobytes()

    def value(self, blob: bytes, position: int) -> Row:  # noqa: ARG002
        """See ``DiskColumn.value``."""
        content = np.frombuffer(blob, np.int32)
        names = self._channels or ()
        columns = np.split(content[1:], 1 + len(names))
        return Row(columns[0], int(content[0]), dict(zip(names, columns[1:], strict=True)))
