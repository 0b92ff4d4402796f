"""Default values that a decision depends on because the user did not state them."""

from __future__ import annotations

from goldilocks.records.decision import Decision


def assumed_values(decision: Decision) -> tuple[str, ...]:
    """The assumed values, such as ``an error costs 0.05 USD``; empty if the user stated everything.

    Example:
        >>> from types import SimpleNamespace as Stub
        >>> objective = Stub(error_cost=0.05, currency="USD", requests_per_month=200_000)
        >>> assumed_values(Stub(assumed=("objective.error_cost",), objective=objective, prices=None, error=""))
        ('an error costs 0.05 USD',)
    """
    work, prices = decision.objective, decision.prices
    priced = f"an error ({decision.error})" if decision.error and "hundredth" not in decision.error else "an error"
    words = {
        "objective.error_cost": lambda: f"{priced} costs {work.error_cost:g} {work.currency}",
        "objective.requests_per_month": lambda: f"{work.requests_per_month:,.0f} requests per month",
        "objective.horizon_months": lambda: f"a horizon of {work.horizon_months:g} months",
        "prices.cpu_hour": lambda: f"a machine hour costs {prices.cpu_hour:g} {work.currency}",
        "prices.memory_gb_month": lambda: f"a GB of memory {prices.memory_gb_month:g} {work.currency} per month",
        "prices.storage_gb_month": lambda: f"a GB of storage {prices.storage_gb_month:g} {work.currency} per month",
    }
    return tuple(words[key]() for key in decision.assumed if key in words)
