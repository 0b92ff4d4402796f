"""Numbers and texts as the report shows them: few digits, units, and nothing that a text could break."""

from __future__ import annotations

import math
import re
import unicodedata

from markupsafe import Markup, escape

from goldilocks.records import Usage

NOTHING = "–"
"""Stands where there is no number."""


def number(value: float | None, digits: int = 3) -> str:
    """``value`` to ``digits`` significant digits, thousands apart; a dash for ``None`` and what is not finite.

    Example:
        >>> number(0.012345), number(12345.6), number(1.5), number(0.0000105), number(1.05e-8), number(None)
        ('0.0123', '12,346', '1.5', '0.0000105', '1.05e-8', '–')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    if abs(value) < 1e-6:
        mantissa, power = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"
    shown = f"{value:,.{max(places, 0)}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def fixed(value: float | None, like: float | None, digits: int = 4) -> str:
    """With as many decimals as give ``like`` its ``digits``, so that a column of amounts lines up.

    Example:
        >>> fixed(9820, like=668.1234), fixed(0.5, like=668.1234)
        ('9,820.0', '0.5')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    places = digits - 1 - math.floor(math.log10(abs(like))) if like else 2
    return f"{value:,.{min(max(places, 0), 8)}f}"


def compact(value: float) -> str:
    """As ``number`` with k, M, G for thousands: for axes and counts of weights.

    Example:
        >>> compact(22_700_000), compact(10_000), compact(0.05)
        ('22.7M', '10k', '0.05')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return number(value / size) + letter
    return number(value)


def score(value: float | None) -> str:
    """Three decimals, so that a column lines up.

    Example:
        >>> score(0.9), score(float("nan"))
        ('0.900', '–')
    """
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.3f}"


def money(value: float | None, digits: int = 4) -> str:
    """An amount without its currency. Cents are not forced: a month of a small model costs a fraction of one."""
    return number(value, digits)


def percent(share: float | None) -> str:
    """A share from 0 to 1 in percent; never ``100%`` or ``0%`` where it is not quite.

    Example:
        >>> percent(0.25), percent(0.004), percent(1.0), percent(0.9999), percent(0.999999)
        ('25%', '0.4%', '100%', '99.99%', '> 99.99%')
    """
    if share is None or not math.isfinite(share):
        return NOTHING
    if 0.05 <= share <= 0.99 or share in (0, 1):
        return f"{share * 100:.0f}%"
    if not 0.00005 <= share <= 0.99995:
        return "> 99.99%" if share > 0.5 else "< 0.01%"
    shown = f"{share * 100:.1f}"
    return f"{share * 100:.2f}%" if shown in ("0.0", "100.0") else f"{number(float(shown))}%"


def duration(seconds: float | None) -> str:
    """Seconds as a person says them.

    Example:
        >>> duration(0.0421), duration(42), duration(150), duration(4000)
        ('0.042 s', '42 s', '2 min 30 s', '1 h 7 min')
    """
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 59.5:
        return f"{number(seconds, 2)} s"
    if seconds < 3570:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min" + (f" {rest} s" if rest else "")
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h" + (f" {minutes} min" if minutes else "")


def size(n_bytes: float | None) -> str:
    """Bytes in kB, MB (10**6) or GB.

    Example:
        >>> size(90_900_000), size(950), size(2.5e9)
        ('90.9 MB', '950 B', '2.5 GB')
    """
    if n_bytes is None:
        return NOTHING
    for unit, letter in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n_bytes >= unit * 0.9995:
            return f"{number(n_bytes / unit)} {letter}"
    return f"{number(n_bytes)} B"


def word(name: str) -> str:
    """A plug-in's file name as a word; after an ``@`` stands the layer it looked at.

    Example:
        >>> word("macro_f1"), word("log_me"), word("knn@last")
        ('macro F1', 'LogME', 'kNN, last layer')
    """
    name, _, layer = name.partition("@")
    spoken = {"f1": "F1", "mcc": "MCC", "knn": "kNN", "h": "H", "auc": "AUC"}
    said = " ".join(spoken.get(one, one) for one in name.replace("log_me", "LogME").split("_"))
    return f"{said}, {layer} layer" if layer else said


def plural(n: int, one: str, many: str = "") -> str:
    """``1 label``, ``2 labels``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def unanswered(usage: Usage) -> str:
    """How many items a model behind an endpoint left without an answer, why, and what to do; empty: none.

    Example:
        >>> unanswered(Usage(questions=40, truncated=9, empty=3, unanswered=12))[:80]
        '12 of 40 items (30%) got no usable answer and count as wrong; 3 answers were emp'
    """
    if not usage.unanswered:
        return ""
    remedy = "word the instruction: in the task file more strictly, or use the method in_context"
    if usage.truncated * 2 >= usage.unanswered:
        remedy = "raise generation: {max_tokens: ...} in the task file, or turn the model's reasoning off on the server"
    elif usage.refused * 2 >= usage.unanswered:
        remedy = "see whether such items may be left out or shortened"
    return (
        f"{usage.unanswered:,} of {plural(usage.items, 'item')} ({percent(usage.unanswered_share)}) got no usable "
        f"answer and count as wrong; {usage.empty:,} answers were empty, {usage.truncated:,} were cut off at the limit "
        f"on tokens, {plural(usage.refused, 'item was', 'items were')} refused. To get more answers, {remedy}."
    )


def clean(text: str) -> str:
    """Without control characters and lone surrogates, which no HTML file may hold (tabs and newlines stay)."""
    return "".join(
        one if one in "\t\n" or unicodedata.category(one) not in ("Cc", "Cs") else "\N{REPLACEMENT CHARACTER}"
        for one in text
    )


def breakable(text: str) -> Markup:
    """A name that may be broken after ``/``, ``_`` and ``-``, where a name has its joints.

    Example:
        >>> breakable("a/b<c")
        Markup('a/<wbr>b&lt;c')
    """
    return Markup(re.sub(r"([/_-])(?=.)", r"\1<wbr>", str(escape(text))))


def shorten(text: str, length: int = 280) -> str:
    r"""At most ``length`` characters, white space run together, the cut marked.

    Example:
        >>> shorten("one  two\nthree", 8)
        'one two…'
    """
    text = " ".join(clean(text[: 20 * length]).split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def shorten_middle(text: str, length: int) -> str:
    """At most ``length`` characters; names of models differ at their ends, so the middle goes.

    Example:
        >>> shorten_middle("all-MiniLM-L6-v2", 9)
        'all-…6-v2'
    """
    if len(text) <= length:
        return text
    left = (length - 1) // 2
    return f"{text[:left]}…{text[len(text) - (length - 1 - left) :]}"
