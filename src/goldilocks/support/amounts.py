"""Amounts of money in words: thousands separated, three significant digits below 100, no exponents."""

from __future__ import annotations

import math


def money(amount: float) -> str:
    """An amount as people write it.

    Example:
        >>> money(26320.4), money(131.78), money(0.19281), money(0.00001), money(0)
        ('26,320', '132', '0.193', '0.00001', '0')
    """
    if amount == 0 or not math.isfinite(amount):
        return f"{amount:g}"
    places = max(0, 2 - math.floor(math.log10(abs(amount))))
    shown = f"{amount:,.{places}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown
