"""What could be done after a decision, in words: more data, a larger model, or stop."""

from __future__ import annotations

import math

from goldilocks.records.decision import Decision, NextStep
from goldilocks.records.items import Measured


def next_steps_line(decision: Decision) -> str:
    """One line: the expected J of each step, and what a further label is worth at most; empty in older decisions.

    Example:
        >>> from types import SimpleNamespace as Stub
        >>> stop = NextStep("stop", "m", Measured(20.0, 15.0, 25.0, 100, "USD per month"), "")
        >>> more = NextStep("more_data", "m", Measured(14.0, 8.0, 22.0, 100, "USD per month"), "", 1_000)
        >>> work = Stub(currency="USD", horizon_months=12.0)
        >>> print(next_steps_line(Stub(next_steps=(stop, more), objective=work)))
        Expected J, USD per month (95% interval): stop here 20.0 (15.0 to 25.0); twice the labels 14.0 (8.00 to 22.0), \
worth it below 0.0720 USD per label.
    """
    if not decision.next_steps:
        return ""
    parts = [f"{_name(step)} {_interval(step.expected_j)}{_per_label(step, decision)}" for step in decision.next_steps]
    return f"Expected J, {decision.objective.currency} per month (95% interval): {'; '.join(parts)}."


def next_steps_basis(decision: Decision) -> str:
    """What the numbers of ``next_steps_line`` rest on, a sentence; empty in older decisions."""
    parts = [f"{_name(step)}: {step.basis}" for step in decision.next_steps]
    return f"These rest on: {'; '.join(parts)}." if parts else ""


def _name(step: NextStep) -> str:
    match step.step:
        case "stop":
            return "stop here"
        case "more_data":
            return "twice the labels"
        case _:
            return f"next larger model ({step.candidate})"


def _per_label(step: NextStep, decision: Decision) -> str:
    """The price of a label below which labelling pays within the horizon."""
    stop = next((other for other in decision.next_steps if other.step == "stop"), None)
    if step.step != "more_data" or stop is None or not step.rows:
        return ""
    saved = (stop.expected_j.value - step.expected_j.value) * decision.objective.horizon_months / step.rows
    if saved <= 0:
        return ", not worth it at any price"
    return f", worth it below {_digits(saved)} {decision.objective.currency} per label"


def _interval(measured: Measured) -> str:
    return f"{_digits(measured.value)} ({_digits(measured.low)} to {_digits(measured.high)})"


def _digits(amount: float) -> str:
    """Three significant digits, without an exponent.

    Example:
        >>> _digits(2472.4), _digits(0.0721), _digits(0.0)
        ('2,472', '0.0721', '0')
    """
    if amount == 0 or not math.isfinite(amount):
        return "0"
    return f"{amount:,.{min(max(0, 2 - math.floor(math.log10(abs(amount)))), 6)}f}"
