"""The size of a training set in the numbers a forecast needs."""

from __future__ import annotations

import re

from goldilocks.records import Dataset, Workload, as_text

# A Chinese or Japanese character stands for about a word; elsewhere a run of letters and digits does.
_EAST = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_EAST}]|[^\W{_EAST}]+")
_SAMPLE = 2_000


def workload(dataset: Dataset) -> Workload:
    """Rows, mean characters and mean words of the training texts (on 2,000 of them, evenly spread), and labels."""
    texts = dataset.train.texts
    sample = [as_text(one) for one in texts[:: max(1, len(texts) // _SAMPLE)][:_SAMPLE]]
    count = max(1, len(sample))
    return Workload(
        rows=len(texts),
        characters=sum(len(text) for text in sample) / count,
        words=sum(len(_WORD.findall(text)) for text in sample) / count,
        labels=len(dataset.labels),
        output=dataset.output,
    )
