"""Language identification: by script, and by py3langid where several languages share one.

18 languages in Latin letters, 3 in Cyrillic and 3 in Arabic are distinguished, and those with a script of their own.
Any other language in Latin letters is taken for a similar one, or is ``und`` (undetermined) if none is probable.

Source: py3langid (Barbaresi; after Lui & Baldwin 2012, "langid.py: An Off-the-shelf Language Identification Tool"),
naive Bayes over byte n-grams. It replaced lists of function words: on 160 sentences of 2 to 7 words in 20 languages it
names .94 correctly, they named .66 (``benchmarks/language_detection.py``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

REACH = 600
"""Characters of a text that are looked at."""
UNDETERMINED = "und"

_SCRIPTS: Mapping[str, re.Pattern[str]] = {
    "Latin": re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]"),
    "Han": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]"),
    "Kana": re.compile(r"[\u3040-\u30ff]"),
    "Hangul": re.compile(r"[\uac00-\ud7af]"),
    "Cyrillic": re.compile(r"[\u0400-\u04ff]"),
    "Arabic": re.compile(r"[\u0600-\u06ff]"),
    "el": re.compile(r"[\u0370-\u03ff]"),
    "he": re.compile(r"[\u0590-\u05ff]"),
    "hi": re.compile(r"[\u0900-\u097f]"),
    "bn": re.compile(r"[\u0980-\u09ff]"),
    "ta": re.compile(r"[\u0b80-\u0bff]"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
    "ka": re.compile(r"[\u10a0-\u10ff]"),
    "hy": re.compile(r"[\u0530-\u058f]"),
}
_LETTERS_PER_SIGN = {"Han": 3, "Kana": 2, "Hangul": 2}
"""How many Latin letters one sign weighs: a Chinese review that names an English product is still Chinese."""

_SHARED = {
    "Latin": (
        "en",
        "de",
        "fr",
        "es",
        "it",
        "pt",
        "nl",
        "sv",
        "da",
        "no",
        "fi",
        "pl",
        "cs",
        "hu",
        "ro",
        "tr",
        "id",
        "vi",
    ),
    "Cyrillic": ("ru", "uk", "bg"),
    "Arabic": ("ar", "fa", "ur"),
}
"""Scripts of several languages, and those that are distinguished."""
_TAGS = {"no": "nb"}
"""Where py3langid's code is not the tag used here: it does not distinguish the two written forms of Norwegian."""
MIN_PROBABILITY = 0.4
"""Minimum probability of the most probable language; below it the language is undetermined."""
_ALIKE = (
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425"
    "\u03bf\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a7"
)
"""Cyrillic, then Greek letters that look like Latin ones."""
_MIXED = re.compile(f"[A-Za-z][{_ALIKE}]|[{_ALIKE}][A-Za-z]")


def language_of(text: str) -> str:
    """BCP 47 tag of a text; ``und`` if undetermined.

    Example:
        >>> language_of("Where is my card?"), language_of("这家酒店的服务很好")
        ('en', 'zh')
    """
    text = text[:REACH]
    shares = _shares(text)
    script = max(shares, key=shares.__getitem__)
    if shares[script] == 0:
        return UNDETERMINED
    if script in {"Han", "Kana"}:
        return "ja" if shares["Kana"] * 10 > shares["Han"] else "zh"
    if script == "Hangul":
        return "ko"
    return _identified(text, script) if script in _SHARED else script


def script_of(text: str) -> str:
    """The script that most of a text is in (Chinese signs and kana are one); empty where it has no letters.

    Example:
        >>> script_of("see 北京 here"), script_of("北京烤鸭"), script_of("3 : 0")
        ('Latin', 'Han', '')
    """
    if text.isascii():
        return "Latin" if any(map(str.isalpha, text)) else ""
    shares = _shares(text)
    script = max(shares, key=shares.__getitem__)
    return ("Han" if script == "Kana" else script) if shares[script] else ""


def mixes_scripts(text: str) -> bool:
    """Whether a Cyrillic or Greek letter that looks like a Latin one is next to a Latin letter.

    Example: the second a is Cyrillic.
        >>> mixes_scripts("paypal"), mixes_scripts("payp\u0430l")
        (False, True)
    """
    return not text.isascii() and _MIXED.search(text) is not None


def _shares(text: str) -> dict[str, int]:
    """Letters of each script, weighed."""
    return {name: len(pattern.findall(text)) * _LETTERS_PER_SIGN.get(name, 1) for name, pattern in _SCRIPTS.items()}


def languages(texts: Sequence[str]) -> dict[str, float]:
    """Language -> share of the texts, the commonest first."""
    counts = Counter(map(language_of, texts))
    return {language: count / len(texts) for language, count in counts.most_common()}


def main_language(shares: Mapping[str, float]) -> str:
    """The most frequent determined language; ``und`` if there is none."""
    determined = [language for language in shares if language != UNDETERMINED]
    return max(determined, key=shares.__getitem__) if determined else UNDETERMINED


def _identified(text: str, script: str) -> str:
    ranked = _identifier().rank(text)
    language, probability = next((name, float(share)) for name, share in ranked if name in _SHARED[script])
    return _TAGS.get(language, language) if probability >= MIN_PROBABILITY else UNDETERMINED


@cache
def _identifier() -> LanguageIdentifier:
    """py3langid's model, restricted to the languages distinguished here; about a second and 95 MB to load."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([language for listed in _SHARED.values() for language in listed])
    return identifier
