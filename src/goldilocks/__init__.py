"""Goldilocks finds the language model that is just right for a team's task. Names are loaded on first use."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from goldilocks.api import check as check
    from goldilocks.api import continue_tuning as continue_tuning
    from goldilocks.api import evaluate as evaluate
    from goldilocks.api import select as select
    from goldilocks.api import tune as tune
    from goldilocks.bundle.read import Bundle as Bundle
    from goldilocks.bundle.read import load as load
    from goldilocks.errors import GoldilocksError as GoldilocksError
    from goldilocks.records import Decision as Decision
    from goldilocks.records import Evaluation as Evaluation
    from goldilocks.records import Generation as Generation
    from goldilocks.records import Prediction as Prediction
    from goldilocks.records import TaskSpec as TaskSpec
    from goldilocks.settings import RunSettings as RunSettings
    from goldilocks.settings import read_task as read_task
    from goldilocks.sklearn import GoldilocksClassifier as GoldilocksClassifier
    from goldilocks.sklearn import GoldilocksRegressor as GoldilocksRegressor
    from goldilocks.sklearn import GoldilocksTagger as GoldilocksTagger

# No library we depend on may call home; set here, before any of it is imported.
for _switch in ("HF_HUB_DISABLE_TELEMETRY", "ORT_DISABLE_TELEMETRY", "DO_NOT_TRACK", "DISABLE_TELEMETRY"):
    os.environ.setdefault(_switch, "1")

_HOME = {
    "Bundle": "goldilocks.bundle.read",
    "Decision": "goldilocks.records",
    "Generation": "goldilocks.records",
    "GoldilocksClassifier": "goldilocks.sklearn",
    "GoldilocksError": "goldilocks.errors",
    "GoldilocksRegressor": "goldilocks.sklearn",
    "GoldilocksTagger": "goldilocks.sklearn",
    "Prediction": "goldilocks.records",
    "RunSettings": "goldilocks.settings",
    "TaskSpec": "goldilocks.records",
    "Evaluation": "goldilocks.records",
    "check": "goldilocks.api",
    "continue_tuning": "goldilocks.api",
    "evaluate": "goldilocks.api",
    "tune": "goldilocks.api",
    "load": "goldilocks.bundle.read",
    "read_task": "goldilocks.settings",
    "select": "goldilocks.api",
}
__all__ = [
    "Bundle",
    "Decision",
    "Evaluation",
    "Generation",
    "GoldilocksClassifier",
    "GoldilocksError",
    "GoldilocksRegressor",
    "GoldilocksTagger",
    "Prediction",
    "RunSettings",
    "TaskSpec",
    "check",
    "continue_tuning",
    "evaluate",
    "load",
    "read_task",
    "select",
    "tune",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'goldilocks' has no attribute {name!r}; it has: {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOME[name]), name)
