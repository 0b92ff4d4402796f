"""The other side of ``layer_ranking.py``: transformer-ranker ranks the layers of an encoder. Not a benchmark itself.

Runs under a Python that has transformer-ranker (its dependencies are not ours). Its last line is one JSON object.
"""

from __future__ import annotations

import json
import sys
import time


def main(model: str, rows: str, estimator: str) -> None:
    """Rank the layers of the encoder in folder ``model`` on the JSON Lines file ``rows``."""
    begun = time.perf_counter()
    from datasets import Dataset, DatasetDict  # type: ignore[import-not-found]
    from transformer_ranker import TransformerRanker

    imported = time.perf_counter() - begun
    with open(rows, encoding="utf-8") as file:  # noqa: PTH123
        result = [json.loads(line) for line in file]
    columns = {"text": [match["text"] for match in result], "label": [match["label"] for match in result]}
    begun = time.perf_counter()
    ranker = TransformerRanker(DatasetDict({"train": Dataset.from_dict(columns)}), dataset_downsample=1.0)
    scores: list[float] = []
    metric = ranker.transferability_metrics[estimator]
    fit = metric.fit

    def recording(self: object, embeddings: object, labels: object) -> float:
        score = float(fit(self, embeddings=embeddings, labels=labels))
        scores.append(score)
        return score

    metric.fit = recording
    ranker.run([model], batch_size=64, estimator=estimator, layer_aggregator="bestlayer")
    seconds = time.perf_counter() - begun
    # It leaves the embeddings out, which are our layer 0.
    print(json.dumps({"seconds": seconds, "import_seconds": imported, "scores": [None, *scores]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
