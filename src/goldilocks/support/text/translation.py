"""Translation of user-facing text with gettext catalogues (``locale/*/LC_MESSAGES/goldilocks.mo``).

English is the language of the source, of exceptions and of all records: a run that was decided in one language can be
reported in another, and a record is read by programs. The front ends translate when they show something:

``_``           a message of the front end itself, as usual with gettext
``localised``   English text that was composed elsewhere, such as an exception or a sentence of ``decision.json``. It is
                matched against the messages of the catalogue, ``{0} of {1} rows`` included; what takes the place of a
                placeholder is translated the same way, and what matches nothing stays as it is. A name of a model, a
                family or a method is never translated: the translation has ``{0!s}`` in its place. Nor is a path: what
                has a slash and no space is taken for one, and front ends name the others (``keep_paths``).

The language belongs to the context (``contextvars``): English unless a front end chooses another.
"""

from __future__ import annotations

import gettext as _gettext
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
_WEAK = 8
"""A message with fewer letters outside its placeholders, such as ``{0} to {1}``, matches only values without spaces."""
_PROSE = re.compile(r"[A-Za-z]?[a-z]+(?: [a-z]+){2,}")
"""Three words in a row, which no name has."""
_PATH = re.compile(r"(?![^\sa-z/]+/mo$)\S*/\S*")
"""A path, an address, or the name of a candidate; ``USD/mo`` is none."""
_PATHS: ContextVar[frozenset[str]] = ContextVar("goldilocks_paths", default=frozenset())
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


def keep_paths(paths: Iterable[str]) -> None:
    """Translate none of these in this context: a folder may be called as a message is, such as ``run`` or ``data``."""
    _PATHS.set(frozenset(paths))


def keep_paths_too(paths: Iterable[str]) -> None:
    """Translate none of these either; see ``keep_paths``."""
    _PATHS.set(_PATHS.get() | frozenset(paths))


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
        InputError: there is no catalogue for the option, or it is an option itself. (An unknown locale of the
            environment means English.)

    Example:
        >>> chosen_language(None, {"LANG": "zh_CN.UTF-8"}), chosen_language(None, {"LANG": "de_DE.UTF-8"})
        ('zh', 'en')
    """
    if option is not None:
        if option.startswith("-"):  # `--lang --help`
            raise InputError(f"--lang is followed by {option}, not by a language; there are: {', '.join(languages())}.")
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
    names: frozenset[str]
    """Fields whose values stay as they are."""
    translation: str

    def values(self, code: str, given: Sequence[str | None]) -> list[str]:
        """What takes the place of the fields."""
        pairs = zip(self.fields, given, strict=True)
        return [_localised(code, value) if value and name not in self.names else value or "" for name, value in pairs]


def localised(text: str) -> str:
    """English text in the language of this context, as far as the catalogue holds its messages.

    Args:
        text: A message with its values filled in, several such sentences, or messages separated by semicolons or put
            after a name and a colon.
    """
    code = language()
    return text if code == SOURCE_LANGUAGE or not text else _localised(code, text)


def _localised(code: str, text: str) -> str:
    return _translated(code, text, _PATHS.get())


@lru_cache(maxsize=10_000)
def _translated(code: str, text: str, paths: frozenset[str]) -> str:
    if text in paths or _PATH.fullmatch(text):
        return text
    whole = _rows(code, text) or _message(code, text)
    if whole is not None:
        return whole
    for separate in (_sentences, _with_ending, _items, _behind_colon):
        translated = separate(code, text)
        if translated is not None:
            return translated
    return _quantities(code, text)


def _message(code: str, text: str) -> str | None:
    """The translation of a text that is one message."""
    for candidate in (text, f" {text}", text.removesuffix("."), f" {text.removesuffix('.')}"):
        translated = _entries(code).get(candidate) or _matched(code, candidate, _templates(code))
        if translated is not None:
            ended = candidate.endswith(".") or not text.endswith(".") or translated.endswith("。")
            return translated.lstrip() + ("" if ended else "。")
    return None


def _matched(code: str, text: str, templates: Sequence[_Template]) -> str | None:
    """The translation by the first template that leaves no English prose in its values, else by the one with the least.

    A template that begins with a value also fits texts in which another one is in front of it.
    """
    best, min_untranslated = None, 0
    for template in templates:
        if all(literal in text for literal in template.literals) and (match := template.pattern.fullmatch(text)):
            values = template.values(code, match.groups())
            untranslated = sum(len(prose[0]) for value in values for prose in _PROSE.finditer(value))
            if best is None or untranslated < min_untranslated:
                best, min_untranslated = _filled(template, values), untranslated
            if not min_untranslated:
                break
    return best


def _filled(template: _Template, values: Sequence[str]) -> str:
    by_name = dict(zip(template.fields, values, strict=True))
    text = ""
    for literal, name, *_rest in Formatter().parse(template.translation):
        for part in (literal, "" if name is None else by_name[name]):
            text += f" {part}" if _BETWEEN.fullmatch(text[-1:] + part[:1]) else part
    return text


def _sentences(code: str, text: str) -> str | None:
    """Several sentences: at each place, the longest run of them that is one message."""
    parts = re.split(r"(?<=[.!?)])\s+(?=[A-Z(\"'`-])", text)
    if len(parts) < 2:
        return None
    shown: list[str] = []
    begin = 0
    while begin < len(parts):
        runs = ((end, _message(code, " ".join(parts[begin:end]))) for end in range(len(parts), begin, -1))
        end, translated = next((run for run in runs if run[1] is not None), (begin + 1, None))
        shown.append(_localised(code, parts[begin]) if translated is None else translated)
        begin = end
    return _joined(shown) if shown != parts else None


def _joined(parts: Sequence[str]) -> str:
    """Sentences in a row; no space after Chinese punctuation."""
    text = parts[0]
    for part in parts[1:]:
        text += part if text[-1:] in _FULL_WIDTH else f" {part}"
    return text


def _with_ending(code: str, text: str) -> str | None:
    """A message and an addition to it, such as ``; keep the incumbent``."""
    for template in _endings(code):
        match = template.pattern.fullmatch(text) if all(literal in text for literal in template.literals) else None
        if match is not None and match[1]:
            return _localised(code, match[1]) + _filled(template, template.values(code, match.groups()[1:]))
    return None


def _items(code: str, text: str) -> str | None:
    """A list with semicolons."""
    parts = text.split("; ")
    translated = [_localised(code, part) for part in parts] if len(parts) > 1 else parts
    return "\N{FULLWIDTH SEMICOLON}".join(translated) if translated != parts else None


def _behind_colon(code: str, text: str) -> str | None:
    """A message after the name of a file, a row or a candidate."""
    for match in re.finditer(": ", text):
        name, rest = text[: match.start()], text[match.end() :]
        message = _localised(code, rest)
        if message != rest:
            shown = name if name in _PATHS.get() else _message(code, name) or name
            return f"{shown}\N{FULLWIDTH COLON}{message}"
    return None


_BETWEEN = re.compile(r"[\u4e00-\u9fff][\w'\"]|[\w'\"][\u4e00-\u9fff]", re.ASCII)
"""Where a Chinese word meets a number, a name or a quotation, there is a space."""
_FULL_WIDTH = (
    "。\N{FULLWIDTH SEMICOLON}\N{FULLWIDTH COMMA}\N{FULLWIDTH COLON}\N{FULLWIDTH EXCLAMATION MARK}"
    "\N{FULLWIDTH QUESTION MARK}\N{FULLWIDTH RIGHT PARENTHESIS}"
)
_UNITS = {"h": "小时", "min": "分钟", "s": "秒"}
_ROWS = re.compile(r"(?:row|line)s? (\d+(?:, \d+)*)(?: and ([\d,]+) more)?")
"""As ``data.findings.rows_in_words`` writes them, and numbers of lines."""
_DURATION = re.compile(r"(\d[\d.,]*) (h|min|s)\b")


def _rows(code: str, text: str) -> str | None:
    """Numbers of rows or lines."""
    match = _ROWS.fullmatch(text) if code == "zh" else None
    if match is None:
        return None
    more = f"，另有 {match[2]} 行" if match[2] else ""
    return f"第 {match[1].replace(', ', '、')} 行{more}"


def _quantities(code: str, text: str) -> str:
    """Durations in units of the language; all other text as it is."""
    if code != "zh" or not re.fullmatch(r" ?(?:\d[\d.,]* (?:h|min|s) ?)+", text):
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
    known = [template for template in templates if template is not None]
    return tuple(sorted(known, key=lambda template: -sum(map(len, template.literals))))


@cache
def _endings(code: str) -> tuple[_Template, ...]:
    """Messages that begin with a comma, a semicolon or a space, after anything."""
    endings = [
        _template(message, translation, before="(.*?)")
        for message, translation in _entries(code).items()
        if message[0] in ",; "
    ]
    known = [template for template in endings if template is not None]
    return tuple(sorted(known, key=lambda template: -sum(map(len, template.literals))))


def _template(message: str, translation: str, before: str = "") -> _Template | None:
    fields = placeholders(message)
    if not fields and not before:
        return None
    parsed = list(Formatter().parse(message)) if fields else [(message, None, None, None)]
    letters = sum(character.isalpha() for literal, *_rest in parsed for character in literal)
    before_values = [literal for literal, *_rest in parsed]
    pattern = before
    for place, (literal, name, *_rest) in enumerate(parsed):
        behind = before_values[place + 1] if place + 1 < len(parsed) else ""
        between = {literal if place else "", behind} & {", ", "; "}
        value = "" if name is None else _value_after(literal, letters, first=place == 0, without=between)
        pattern += re.escape(literal) + value
    literals = tuple(literal for literal in before_values if literal)
    names = frozenset(name for _text, name, _spec, conversion in Formatter().parse(translation) if name and conversion)
    return _Template(literals, re.compile(pattern, re.DOTALL), fields, names, translation)


def _value_after(literal: str, letters: int, *, first: bool, without: Collection[str]) -> str:
    """What the value of a placeholder may be.

    Args:
        literal: What precedes it in the message.
        letters: Letters of the message outside its placeholders.
        first: Whether it is the first placeholder of the message.
        without: Punctuation that alone parts it from its neighbours. Within a value it would be taken for the place
            where the value ends, so that a text with it in a value stays as it is.
    """
    if letters < _WEAK:
        return r"(\S*?|\d[\d.,]* (?:s|min|h))"
    refused = [r"\. [A-Z(]", *map(re.escape, sorted(without))]
    if not (literal.endswith((": ", "(", ".")) or (not literal and not first)):  # a list with semicolons may follow
        refused.append("; ")
    value = f"(?:(?!{'|'.join(refused)}).)*?"  # in no case a second sentence
    return rf"((?: {value}\.?)?)" if literal.endswith(".") else f"({value})"


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
        spec or conversion not in (None, "s") for _text, _name, spec, conversion in parsed
    )
    return names if plain else ()
