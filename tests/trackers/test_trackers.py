from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks import plugins


def test_tensorboard_reads_back_what_was_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = plugins.load("trackers", "tensorboard").start(tmp_path, "cnn/textcnn/scratch", {"seed": "0"}, offline=True)
    run.log({"training_loss": 0.5}, 10)
    run.log({"training_loss": 0.25}, 20)
    run.close()

    events = EventAccumulator(str(tmp_path / "tensorboard" / "cnn--textcnn--scratch"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("training_loss")] == [(10, 0.5), (20, 0.25)]


def test_mlflow_reads_back_what_was_written(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    run = plugins.load("trackers", "mlflow").start(tmp_path, "cnn/textcnn/scratch", {"seed": "7"}, offline=True)
    run.log({"validation_score": 0.5}, 300)
    run.close()

    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=(tmp_path / "mlflow").absolute().as_uri())
    (stored,) = client.search_runs([client.get_experiment_by_name("goldilocks").experiment_id])
    (metric,) = client.get_metric_history(stored.info.run_id, "validation_score")
    assert (metric.step, metric.value, stored.data.params["seed"]) == (300, 0.5, "7")
