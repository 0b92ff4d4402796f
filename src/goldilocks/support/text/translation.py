"""Translation of user-facing text with gettext catalogues (``locale/*/LC_MESSAGES/goldilocks.mo``).

English is the language of the source, of exceptions and of all records: a run that was decided in one language can be
reported in another, and a record is read by programs. The front ends translate when they show something:

``_``           a message of the front end itself, as usual with gettext
``localised``   English text that was composed elsewhere, such as an exception or a sentence of ``decision.json``. It is
                matched against the messages of the catalogue, ``{0} of {1} rows`` included; what takes the place of a
                placeholder is translated the same way, and what matches nothing stays as it is.

The language belongs to the context (``contextvars``): English unless a front end chooses another.
"""

from __future__ import annotations

import gettext as _gettext
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from string import Formatter

from goldilocks.errors import InputError

DOMAIN = "goldilocks"
SOURCE_LANGUAGE = "en"
LOCALE = Path(__file__).parents[2] / "locale"
_CHINESE = ("zh", "zh_cn", "zh_sg", "zh_hans")
"""Locales that the catalogue ``zh`` (simplified Chinese) is for."""
_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""In the order in which gettext looks at them."""
_LANGUAGE: ContextVar[str] = ContextVar("goldilocks_language", default=SOURCE_LANGUAGE)


def languages() -> tuple[str, ...]:
    """The languages that messages can be shown in."""
    return (SOURCE_LANGUAGE, *sorted(path.name for path in LOCALE.glob("*") if (path / "LC_MESSAGES").is_dir()))


def language() -> str:
    """The language of this context."""
    return _LANGUAGE.get()


def use_language(code: str) -> None:
    """Show messages in this language from here on, in this context."""
    _LANGUAGE.set(code)


@contextmanager
def in_language(code: str) -> Iterator[None]:
    """Show messages in this language within the block."""
    before = _LANGUAGE.set(code)
    try:
        yield
    finally:
        _LANGUAGE.reset(before)


def chosen_language(option: str | None, environment: Mapping[str, str]) -> str:
    """The language that a user asks for.

    Args:
        option: Of the command line, such as ``zh`` or ``zh-CN``; ``None``: as the environment says.
        environment: With ``LANGUAGE``, ``LC_ALL``, ``LC_MESSAGES`` and ``LANG``, the first of which counts.

    Raises:
        InputError: there is no catalogue for the option. (An unknown locale of the environment means English.)

    Example:
        >>> chosen_language(None, {"LANG": "zh_CN.UTF-8"}), chosen_language(None, {"LANG": "de_DE.UTF-8"})
        ('zh', 'en')
    """
    if option is not None:
        code = _catalogue_for(option)
        if code is None:
            raise InputError(f"--lang {option}: there is no translation; there are: {', '.join(languages())}.")
        return code
    locale = next((environment[name] for name in _VARIABLES if environment.get(name)), "")
    return _catalogue_for(locale.split(":")[0]) or SOURCE_LANGUAGE


def _catalogue_for(locale: str) -> str | None:
    code = re.split(r"[.@]", locale)[0].replace("-", "_").lower()
    if code in _CHINESE:
        return "zh"
    return code.split("_")[0] if code.split("_")[0] in languages() and not code.startswith("zh") else None


def _(message: str) -> str:
    """The message in the language of this context."""
    return _translations(language()).gettext(message)


def ngettext(singular: str, plural: str, n: int) -> str:
    """The message for ``n`` of something, in the language of this context."""
    return _translations(language()).ngettext(singular, plural, n)


def N_(message: str) -> str:  # noqa: N802
    """Marks a message that is translated where it is shown (gettext's ``gettext_noop``)."""
    return message


@cache
def _translations(code: str) -> _gettext.NullTranslations:
    if code == SOURCE_LANGUAGE:
        return _gettext.NullTranslations()
    return _gettext.translation(DOMAIN, LOCALE, [code])


# ------------------------------------------------------------------------------------------------------- composed text


@dataclass(frozen=True, slots=True)
class _Template:
    """A message with placeholders."""

    literals: tuple[str, ...]
    pattern: re.Pattern[str]
    fields: tuple[str, ...]
    translation: str


def localised(text: str) -> str:
    """English text in the language of this context, as far as the catalogue holds its messages.

    Args:
        text: A message with its values filled in, several such sentences, or messages separated by semicolons or put
            behind a name and a colon.
    """
    code = language()
    return text if code == SOURCE_LANGUAGE or not text else _localised(code, text)


@lru_cache(maxsize=10_000)
def _localised(code: str, text: str) -> str:
    whole = _message(code, text)
    if whole is not None:
        return whole
    for separate in (_sentences, _items, _behind_colon):
        translated = separate(code, text)
        if translated is not None:
            return translated
    return _quantities(code, text)


def _message(code: str, text: str) -> str | None:
    """The translation of a text that is one message."""
    exact = _entries(code).get(text)
    if exact is not None:
        return exact
    for template in _templates(code):
        if all(literal in text for literal in template.literals) and (match := template.pattern.fullmatch(text)):
            values = [_localised(code, value) if value else "" for value in match.groups()]
            return _filled(template, values)
    if len(text) > 1 and text[-1] in ".:" and text[-2] not in ".:":  # a message that another one ended
        inner = _message(code, text[:-1])
        return None if inner is None else inner.rstrip("。") + {".": "。", ":": ":"}[text[-1]]
    return None


def _filled(template: _Template, values: Sequence[str]) -> str:
    by_number = all(field.isdigit() for field in template.fields)
    if by_number:
        return template.translation.format(*values)
    return template.translation.format(**dict(zip(template.fields, values, strict=True)))


def _sentences(code: str, text: str) -> str | None:
    """Several sentences: at each place, the longest run of them that is one message."""
    parts = re.split(r"(?<=[.!?)])\s+(?=[\w(\"'`/-])", text)
    if len(parts) < 2:
        return None
    shown: list[str] = []
    begin, changed = 0, False
    while begin < len(parts):
        for end in range(len(parts), begin, -1):
            run = " ".join(parts[begin:end])
            translated = _message(code, run)
            if translated is None and end == begin + 1 and run != text:
                translated = _localised(code, run)
                translated = None if translated == run else translated
            if translated is not None:
                changed = True
                shown.append(translated)
                break
        else:
            shown.append(parts[begin])
            end = begin + 1
        begin = end
    return _joined(shown) if changed else None


def _joined(parts: Sequence[str]) -> str:
    """Sentences in a row; no space behind Chinese punctuation."""
    text = parts[0]
    for part in parts[1:]:
        text += part if text[-1:] in "。;,:!?;)" else f" {part}"
    return text


def _items(code: str, text: str) -> str | None:
    """A list with semicolons."""
    if "; " not in text:
        return None
    parts = text.split("; ")
    translated = [_localised(code, part) for part in parts]
    return ";".join(translated) if translated != parts else None


def _behind_colon(code: str, text: str) -> str | None:
    """A message behind the name of a file, a row or a candidate."""
    for match in re.finditer(": ", text):
        name, rest = text[: match.start()], text[match.end() :]
        message = _localised(code, rest)
        if message != rest:
            return f"{_message(code, name) or name}:{message}"
    return None


_UNITS = {"h": "小时", "min": "分钟", "s": "秒"}
_DURATION = re.compile(r"(\d[\d.,]*) (h|min|s)\b")


def _quantities(code: str, text: str) -> str:
    """Durations in units of the language; all other text as it is."""
    if code != "zh" or not re.fullmatch(r"(?:\d[\d.,]* (?:h|min|s) ?)+", text):
        return text
    return _DURATION.sub(lambda match: f"{match[1]} {_UNITS[match[2]]}", text)


@cache
def _entries(code: str) -> Mapping[str, str]:
    """Message -> translation."""
    catalogue: Mapping[object, str] = getattr(_translations(code), "_catalog", {})
    return {key: value for key, value in catalogue.items() if isinstance(key, str) and key}


@cache
def _templates(code: str) -> tuple[_Template, ...]:
    """Messages with placeholders, those with the most text first."""
    templates = [_template(message, translation) for message, translation in _entries(code).items()]
    length: Callable[[_Template], int] = lambda entry: sum(map(len, entry.literals))  # noqa: E731
    return tuple(sorted((template for template in templates if template is not None), key=length, reverse=True))


def _template(message: str, translation: str) -> _Template | None:
    fields = placeholders(message)
    if not fields:
        return None
    pattern = "".join(
        re.escape(literal) + ("" if name is None else "(.*?)") for literal, name, *_rest in Formatter().parse(message)
    )
    literals = tuple(literal for literal, *_rest in Formatter().parse(message) if literal)
    return _Template(literals, re.compile(pattern, re.DOTALL), fields, translation)


def placeholders(message: str) -> tuple[str, ...]:
    """The names of the placeholders of a message; none where braces mean something else.

    Example:
        >>> placeholders("{0} of {1} rows"), placeholders("write data: {fields: {text: ...}}")
        (('0', '1'), ())
    """
    try:
        parsed = list(Formatter().parse(message))
    except ValueError:
        return ()
    names = tuple(name for _text, name, spec, conversion in parsed if name is not None)
    plain = all(name.isidentifier() or name.isdigit() for name in names) and not any(
        spec or conversion for _text, _name, spec, conversion in parsed
    )
    return names if plain else ()
