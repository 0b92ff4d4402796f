"""Formatting of numbers and texts for the report: few digits, units, and no characters that could break the page."""

from __future__ import annotations

import math
import re
import unicodedata

from markupsafe import Markup, escape

from goldilocks.records import Usage
from goldilocks.support.text.translation import _, localised, ngettext

NOTHING = "–"
"""Shown in place of a missing number."""


def number(value: float | None, digits: int = 3) -> str:
    """``value`` to ``digits`` significant digits, with thousands separators; a dash for ``None`` and non-finite values.

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
    """With the number of decimals that gives ``like`` its ``digits``, so that a column of amounts is aligned.

    Example:
        >>> fixed(9820, like=668.1234), fixed(0.5, like=668.1234)
        ('9,820.0', '0.5')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    places = digits - 1 - math.floor(math.log10(abs(like))) if like else 2
    return f"{value:,.{min(max(places, 0), 8)}f}"


def compact(value: float) -> str:
    """As ``number`` with the suffixes k, M, G: for axes and parameter counts.

    Example:
        >>> compact(22_700_000), compact(10_000), compact(0.05)
        ('22.7M', '10k', '0.05')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return number(value / size) + letter
    return number(value)


def score(value: float | None) -> str:
    """Three decimals, so that a column is aligned.

    Example:
        >>> score(0.9), score(float("nan"))
        ('0.900', '–')
    """
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.3f}"


def money(value: float | None, digits: int = 4) -> str:
    """An amount without its currency, not rounded to cents: a month of a small model can cost a fraction of one."""
    return number(value, digits)


def percent(share: float | None) -> str:
    """A share from 0 to 1 in percent; ``100%`` and ``0%`` only if exact.

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
    """Seconds in a readable unit.

    Example:
        >>> duration(0.0421), duration(42), duration(150), duration(4000)
        ('0.042 s', '42 s', '2 min 30 s', '1 h 7 min')
    """
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 59.5:
        return _("{seconds} s").format(seconds=number(seconds, 2))
    if seconds < 3570:
        minutes, rest = divmod(round(seconds), 60)
        message = _("{minutes} min {seconds} s") if rest else _("{minutes} min")
        return message.format(minutes=minutes, seconds=rest)
    hours, minutes = divmod(round(seconds / 60), 60)
    message = _("{hours} h {minutes} min") if minutes else _("{hours} h")
    return message.format(hours=f"{hours:,}", minutes=minutes)


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
    """A plug-in's file name as words; the part after an ``@`` is the layer of its features.

    Example:
        >>> word("macro_f1"), word("log_me"), word("knn@last")
        ('macro F1', 'LogME', 'kNN, last layer')
    """
    name, _at, layer = name.partition("@")
    spoken = {"f1": "F1", "mcc": "MCC", "knn": "kNN", "h": "H", "auc": "AUC"}
    words = " ".join(spoken.get(part, part) for part in name.replace("log_me", "LogME").split("_"))
    words = localised(words)
    return _("{estimator}, {layer} layer").format(estimator=words, layer=localised(layer)) if layer else words


def plural(n: int, singular: str, plural_form: str = "") -> str:
    """``1 label``, ``2 labels``."""
    message = ngettext(f"{{n}} {singular}", f"{{n}} {plural_form or singular + 's'}", n)
    return message.format(n=f"{n:,}")


def unanswered(usage: Usage) -> str:
    """How many items an endpoint left without an answer, why, and what to do; empty if there are none.

    Example:
        >>> unanswered(Usage(questions=40, truncated=9, empty=3, unanswered=12))[:80]
        '12 of 40 items (30%) got no usable answer and count as wrong; 3 answers were emp'
    """
    if not usage.unanswered:
        return ""
    remedy = _("word the instruction: in the task file more strictly, or use the method in_context")
    if usage.truncated * 2 >= usage.unanswered:
        remedy = _(
            "raise generation: {max_tokens: ...} in the task file, or turn the model's reasoning off on the server"
        )
    elif usage.refused * 2 >= usage.unanswered:
        remedy = _("check whether such items can be left out or shortened")
    return _(
        "{n} of {items} ({share}) got no usable answer and count as wrong; {empty} answers were empty, {truncated} "
        "were cut off at the token limit, {refused} refused. To get more answers, {remedy}."
    ).format(
        n=f"{usage.unanswered:,}",
        items=plural(usage.items, "item"),
        share=percent(usage.unanswered_share),
        empty=f"{usage.empty:,}",
        truncated=f"{usage.truncated:,}",
        refused=plural(usage.refused, "item was", "items were"),
        remedy=remedy,
    )


def clean(text: str) -> str:
    """Without control characters and lone surrogates, which HTML does not allow (tabs and newlines stay)."""
    return "".join(
        character
        if character in "\t\n" or unicodedata.category(character) not in ("Cc", "Cs")
        else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )


def breakable(text: str) -> Markup:
    """A name with line break opportunities after ``/``, ``_`` and ``-``.

    Example:
        >>> breakable("a/b<c")
        Markup('a/<wbr>b&lt;c')
    """
    return Markup(re.sub(r"([/_-])(?=.)", r"\1<wbr>", str(escape(text))))


def shorten(text: str, length: int = 280) -> str:
    r"""At most ``length`` characters, white space collapsed, truncation marked.

    Example:
        >>> shorten("one  two\nthree", 8)
        'one two…'
    """
    text = " ".join(clean(text[: 20 * length]).split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def shorten_middle(text: str, length: int) -> str:
    """At most ``length`` characters; the middle is removed, as names of models differ at their ends.

    Example:
        >>> shorten_middle("all-MiniLM-L6-v2", 9)
        'all-…6-v2'
    """
    if len(text) <= length:
        return text
    left = (length - 1) // 2
    return f"{text[:left]}…{text[len(text) - (length - 1 - left) :]}"
