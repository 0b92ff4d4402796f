"""MLflow: a file store in the run folder (`mlflow ui --backend-store-uri RUN/tracking/mlflow`).

With `--online` the server that `MLFLOW_TRACKING_URI` names is used instead, where it is set.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goldilocks.protocols import TrackedRun

_EXPERIMENT = "goldilocks"


def start(folder: Path, name: str, settings: Mapping[str, str], *, offline: bool) -> TrackedRun:
    """See ``protocols.Tracker``."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow 3 asks for a database otherwise
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # a server that is down must not hold up the run
    from mlflow.tracking import MlflowClient

    server = None if offline else os.environ.get("MLFLOW_TRACKING_URI")
    client = MlflowClient(tracking_uri=server or (folder / "mlflow").absolute().as_uri())
    known = client.get_experiment_by_name(_EXPERIMENT)
    experiment = known.experiment_id if known else client.create_experiment(_EXPERIMENT)
    run = client.create_run(experiment, run_name=name).info.run_id
    for key, value in settings.items():
        client.log_param(run, key, value)
    return _Run(client, run)


class _Run:
    def __init__(self, client: Any, run: str) -> None:
        self._client, self._id = client, run

    def log(self, values: Mapping[str, float], step: int) -> None:
        """See ``protocols.TrackedRun``."""
        for name, value in values.items():
            self._client.log_metric(self._id, name, value, step=step)

    def close(self) -> None:
        """See ``protocols.TrackedRun``."""
        self._client.set_terminated(self._id)
