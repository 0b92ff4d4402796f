"""The deciding metric: the task file's, or the first of the task."""

from __future__ import annotations

import math

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.protocols import Metric, Task
from goldilocks.records import TaskSpec


def deciding_metric(spec: TaskSpec, task: Task) -> tuple[str, Metric]:
    """The metric that decides, and its name: the task file's, or the first of the task.

    Raises:
        InputError: it is about another kind of answer, or has no worst value, so that it gives no loss between 0 and 1;
            or the lowest score asked for is higher than it can be.
    """
    name = spec.metric or task.METRICS[0]
    metric = plugins.load("metrics", name)
    if task.OUTPUT not in metric.OUTPUTS:
        fitting = [
            metric for metric in plugins.names("metrics") if task.OUTPUT in plugins.load("metrics", metric).OUTPUTS
        ]
        raise InputError(
            f"task file: the metric {name} is about {', '.join(sorted(metric.OUTPUTS))}, {spec.task} gives "
            f"{task.OUTPUT}; name one of {', '.join(fitting)}."
        )
    if not all(map(math.isfinite, metric.RANGE)):
        raise InputError(
            f"task file: the metric {name} has no worst value, so it cannot decide (it is reported); name another, "
            f"such as {task.METRICS[0]}."
        )
    minimum, maximum = spec.limits.min_score, max(metric.RANGE)
    if minimum is not None and minimum > maximum:
        raise InputError(f"task file: limits.min_score is {minimum:g}, and {name} is at most {maximum:g}; lower it.")
    return name, metric
