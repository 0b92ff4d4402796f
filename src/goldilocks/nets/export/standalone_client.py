"""Ask a model behind Triton or KServe (Open Inference Protocol v2). Needs numpy and tokenizers; nothing else.

Run:  python client.py http://127.0.0.1:8000 "a text" …      (arguments as for predict.py)
"""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parent))
import predict  # type: ignore[import-not-found, unused-ignore]


def remote_graph(url: str, config: dict[str, Any]) -> tuple[list[str], Any]:
    """Names of the inputs, and what lets the server run the graph."""

    def run(feeds: dict[str, npt.NDArray[np.int64]]) -> npt.NDArray[np.float32]:
        inputs = [
            {"name": name, "shape": list(table.shape), "datatype": "INT64", "data": table.ravel().tolist()}
            for name, table in feeds.items()
        ]
        request = urllib.request.Request(
            f"{url.rstrip('/')}/v2/models/{config['name']}/infer",
            data=json.dumps({"inputs": inputs}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            output = json.load(response)["outputs"][0]
        return np.array(output["data"], dtype=np.float32).reshape(output["shape"])

    return config["inputs"], run


def load(folder: Path, url: str) -> Any:
    """The model that a server at ``url`` runs; ``predict`` as that of predict.py."""
    config = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return predict.load(folder, remote_graph(url, config))


if __name__ == "__main__":
    answer = load(Path(__file__).parent, sys.argv[1]).predict(*sys.argv[2:])
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
