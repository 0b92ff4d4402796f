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


def hosted_or_own_lines(decision: Decision) -> list[str]:
    """From which volume and from how many labels an owned model is better than the endpoint; empty: no endpoint."""
    compared, work = decision.hosted_or_own, decision.objective
    if compared is None:
        return []
    stated = f"you state {work.requests_per_month:,.0f}"
    match compared.own_is_cheaper:
        case "always":
            first = f"{compared.own} costs less than {compared.hosted} at any volume, errors included; {stated}."
        case "never":
            first = f"{compared.hosted} costs less than {compared.own} at any volume, errors included; {stated}."
        case side:
            assert compared.requests is not None
            volume = _counts(compared.requests)
            first = (
                f"Hosted or own: {compared.own} costs less than {compared.hosted} from {volume} requests per month "
                f"upwards, errors included; {stated}."
                if side == "above"
                else f"Hosted or own: {compared.own} costs less than {compared.hosted} from {volume} requests per "
                f"month downwards, errors included; {stated}."
            )
    if compared.labels is None or not compared.rows:
        return [first]
    more = compared.labels.value - compared.rows
    price = f"{more * compared.label_price:,.0f} {work.currency} at {compared.label_price:g} {work.currency} a label"
    further = f", {more:,.0f} more than there are: {price}" if more > 0 else f"; it was trained on {compared.rows:,}"
    return [first, f"With {_counts(compared.labels)} labels {compared.own} is as good as the endpoint{further}."]


def _counts(measured: Measured) -> str:
    return f"{_rounded(measured.value)} (95% interval {_rounded(measured.low)} to {_rounded(measured.high)})"


def _rounded(count: float) -> str:
    """Two significant digits; no words, which a translation would have to find.

    Example:
        >>> _rounded(41_234.0), _rounded(3.2), _rounded(1e12)
        ('41,000', '3', '> 1,000,000,000')
    """
    if count >= 1e9:
        return "> 1,000,000,000"
    digits = max(0, math.floor(math.log10(count)) - 1) if count >= 1 else 0
    return f"{round(count / 10**digits) * 10**digits:,.0f}"


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
