"""Matching of a generated answer to one of the labels.

Labels are matched as whole tokens, longest first, after NFKC and case folding, with ``-``, ``_`` and white space equal.
A negated label ("not about money; it is about sport") is not named. Where an answer names several labels of which one
was asked for, one that is alone at a decisive place (after "label:", on a line of its own, at the beginning)
counts; without such a place the answer names none. Nothing is guessed from spelling.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from goldilocks.support.endpoints.answer_text import without_fence, without_reasoning
from goldilocks.support.text.scripts import marks

_KEYS = ("label", "labels", "answer", "answers", "category", "categories", "class", "classes", "classification")
_MORE_KEYS = (
    "prediction",
    "predictions",
    "result",
    "output",
    "intent",
    "intents",
    "sentiment",
    "topic",
    "topics",
    "标签",
    "类别",
    "分类",
    "答案",
)
_CUE = re.compile(
    r"(?:labels?|answer|category|categories|class|classification|prediction|verdict|intent|sentiment|topic|rating|score"
    r"|choice|option|antwort|kategorie|respuesta|etiqueta|réponse|标签|標籤|答案|类别|類別|分类|分類|结果|結果|ラベル|答え|라벨|레이블|정답)"
    r"\W*(?:is|are|would be|should be|ist|lautet|es|est|是|为|為|は|은|는)?[\W_]*$"
)
_CHOICE = re.compile(
    r"\bi(?:['’]d| would|['’]ll| will)?(?: rather)? (?:say|choose|pick|select|go with|guess"
    r"|(?:classify|label|call|categori[sz]e|rate) (?:this|it|that)(?: as)?)\W*$"
)
"""What announces the label that is chosen, in the first person."""
_COMMON_WORDS = (
    "a all an and any are as at be both can either false for he i if in is it may me neither no none nor not of on one "
    "or other others she so that the them they this to true unknown us we will with yes you"
)
"""Labels that occur in running text without being meant: they count at decisive places only."""
_NEGATION = re.compile(
    r"\b(?:not|no|never|neither|nor|without|non|cannot|rather than|instead of|nicht|kein\w*|weder|pas|ni|sin)\b"
    r"|\b(?:un|anti|dis|mis) $"
    r"|n['’]t\b|[不非没沒無无未別别]"
    r"|\b(?:não|nem|geen|niet|nie|ani|není|inte|ikke|ingen\w*|ei|nem|bukan|tidak|không|не|нет|нето?|ни|ані|δεν|όχι|μη)\b"
    r"|(?<!\w)(?:و?ليست?|و?لا|غير|לא|אינ[וה]|אין)(?!\w)|ไม่"
)
"""Negations before a label, in the languages that models answer in."""
_NEITHER = re.compile(r"\b(?:neither|none of|weder|既不)[^.;:!?\n。；！？]*$")
"""A negation of all that is listed after it."""
_NEGATED_BEHIND = re.compile(
    r"[\"'*`”’」』]*\s*(?:"
    r"(?:is|are|was|were|does|do|did|would|can|could|should|will)\s*(?:not\b|n['’]t\b)"
    r"|(?:不|并不|並不)[是对對合]"
    r"|(?:では|じゃ|で)(?:は?な[いくか]|ありません)"
    r"|(?:이|가|은|는)?\s*(?:전혀\s*)?(?:아니|아닙|아닌)"
    r"|(?:के बारे में\s*|के विषय में\s*)?(?:नहीं|नही|নয়|নহে|இல்லை|అల్ల|ਨਹੀਂ|نہیں)"
    r"|(?:değil|deyil|نیست|မဟုတ်|មិនមែន)"
    r")"
)
"""Negations after a label: English, Chinese, Japanese, Korean, languages of India, Turkish, Persian, Burmese."""
_CLAUSE_END = re.compile(
    r"[.;:!?\n，。；：！？]|,|\b(?:but|however|rather(?! than)|instead(?! of)|sondern|aber|mais|sino|pero"
    r"|maar|utan|lecz|melainkan|tetapi|nhưng|mà là|mas sim|e sim|bensì|но)\b|(?<!\w)(?:بل|و?لكن|אלא)(?!\w)|而是|但|แต่"
)
_AND = re.compile(r"\b(?:and|as well as|und|sowie|et|y|e)\b|[&+和与與及跟]|以及|그리고", re.IGNORECASE)
_NO_LABEL = re.compile(
    r"(?:none(?: of (?:them|these|those|the (?:above|(?:given |listed |available )?(?:labels?|categor\w+|topics?))))?"
    r"(?: (?:fits?|appl\w+|match\w*)[^.;!?\n]*)?"
    r"|no (?:labels?|categor\w+|topics?)(?: (?:fits?|appl\w+|match\w*))?"
    r"|nothing|n/a|\[\]|无|無|没有|以上都不是|沒有|都不(?:是|适用|適用|符合)|none apply"
    r"|(?:該当)?なし|(?:해당 )?없음|keine?s?|ninguna|aucune?)"
)
_APART = " \t\r\n.;:,!?()[]{}<>\"'`“”‘’«»「」『』【】*#|/\\=~•·–—→>、，。；：！？（）-"
"""Signs that set a label apart from running text."""
_NOT = re.compile(r"(?<=[a-z])n['’]t\b", re.IGNORECASE)
_WHOLE = re.compile(r"\+?([-−]?\d+)(?:\.0+)?")
"""A whole number, however it is written."""
_OF_SCALE = re.compile(r"(\d+)(?:\.0+)?(?: ?/ ?| out of | of | von | sur )(\d+)")
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Scripts written without spaces: their words have no edges that could be seen."""
_HANGUL = re.compile(r"[\uac00-\ud7a3]")
_DASHES = re.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")


@dataclass(frozen=True, slots=True)
class _Mention:
    """A label in an answer."""

    label: str
    start: int
    end: int
    alone: bool
    """There are signs, not words, on both sides of it."""
    cued: bool
    """It follows "label:", "the answer is" or the like."""


def read_label(text: str, labels: Sequence[str]) -> str | None:
    """The one label that an answer names; ``None``: none, or several without a decision among them.

    Example:
        >>> read_label("This is not about money; it is about sport.", ["money", "sport"])
        'sport'
        >>> read_label("Answer: B", ["A", "B", "C"]), read_label("I cannot tell.", ["no", "yes"])
        ('B', None)
    """
    matcher = _matcher(tuple(labels))
    answer = _answer(text)
    value = _from_json(answer, matcher)
    if value is not None:
        named = {label for part in value if (label := _single(part, matcher)) is not None}
        return named.pop() if len(named) == 1 else None
    return _single(answer, matcher)


def read_labels(text: str, labels: Sequence[str]) -> tuple[str, ...] | None:
    """The labels that an answer lists, sorted; empty where it says that there are none, ``None`` where it says nothing.

    Example:
        >>> read_labels("sport、money", ["food", "money", "sport"]), read_labels("none", ["money", "one"])
        (('money', 'sport'), ())
    """
    matcher = _matcher(tuple(labels))
    answer = _answer(text)
    parts = _from_json(answer, matcher)
    named = {label for part in ([answer] if parts is None else parts) for label in _listed(part, matcher)}
    if named:
        return tuple(sorted(named))
    nothing = parts == [] or _NO_LABEL.fullmatch(_folded(_bare(answer)).strip(_APART)) is not None
    return () if nothing else None


def _answer(text: str) -> str:
    text = without_fence(without_reasoning(text))
    boxed = re.search(r"\\boxed\{(?:\\text\{)?([^{}]*)\}", text)
    return boxed[1] if boxed else text


# ------------------------------------------------------------------------------------------------------------- matching


class _Matcher:
    """Finds labels in text."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = {label: _plain(label) for label in labels}
        """Label -> its spelling after NFKC, with ``-``, ``_`` and white space as one space, in its own case."""
        self.folded: dict[str, list[str]] = {}
        for label, plain in self.labels.items():
            self.folded.setdefault(_casefolded(plain), []).append(label)
        for name, named in list(self.folded.items()):
            begins, _, rest = name.partition(" ")
            if begins in ("non", "not") and rest:  # "not toxic" and "nontoxic" are non_toxic
                self.folded.setdefault(f"{'not' if begins == 'non' else 'non'} {rest}", named)
                self.folded.setdefault(f"non{rest}", named)
        names = sorted((name for name in self.folded if name), key=len, reverse=True)
        self.negates = any(name.startswith("not ") for name in names)
        """Whether a label is what another one is not, so that "isn't toxic" is a label."""
        self.highest = max((label for label in labels if label.isdecimal()), key=int, default="")
        """The last number of a scale; empty where labels are no numbers."""
        self.pattern = re.compile("|".join(map(_bounded, names))) if names else None

    def mentions(self, text: str) -> list[_Mention]:
        """Labels in a text that is plain, in order, without those negated."""
        if self.pattern is None:
            return []
        folded, places = _folded_with_places(text)
        mentions: list[_Mention] = []
        for match in self.pattern.finditer(folded):
            start, end = places[match.start()], places[match.end()]
            label = self._meant(match[0], text[start:end])
            before, behind = folded[: match.start()], folded[match.end() :]
            if label is None or _negated(before, behind):
                continue
            alone = _apart(before.rstrip(" \t")[-1:]) and _apart(behind.lstrip(" \t")[:1])
            cued = _CUE.search(before[-60:]) is not None or _CHOICE.search(before[-60:]) is not None
            mentions.append(_Mention(label, start, end, alone, cued))
        return mentions

    def _meant(self, name: str, spelt: str) -> str | None:
        """The label of a folded name; of labels that differ by case or ``-_`` only, the one spelt so."""
        labels = self.folded[name]
        if len(labels) == 1:
            return labels[0]
        for spelling in (str, _plain):
            exact = [label for label in labels if spelling(label) == spelling(spelt)]
            if len(exact) == 1:
                return exact[0]
        return None


@lru_cache(maxsize=16)
def _matcher(labels: tuple[str, ...]) -> _Matcher:
    return _Matcher(labels)


def _bounded(name: str) -> str:
    """A pattern for a folded name as a whole token."""
    left, right = name[0], name[-1]
    mark = f"[{marks()}]"  # a combining mark belongs to the letter before it: दिन is not in दिनों
    open_right = _UNSPACED.match(right) or _HANGUL.match(right) or not (right.isalnum() or re.match(mark, right))
    before = "" if _UNSPACED.match(left) or not left.isalnum() else rf"(?<![^\W_])(?<!{mark})"
    behind = "" if open_right else rf"(?![^\W_])(?!{mark})"
    if left.isdecimal():
        before = r"(?<![^\W_])(?<!\d[.,])(?<![+\-])"  # 1 is in neither 12, 0.1 nor -1
    if right.isdecimal():
        behind = r"(?![^\W_])(?![.,]\d)"
    return f"{before}{re.escape(name)}{behind}"


def _plain(text: str) -> str:
    """NFKC; ``-`` and ``_`` between letters or digits, and white space, are one space; line ends stay."""
    text = _DASHES.sub("-", unicodedata.normalize("NFKC", text))
    text = re.sub(r"(?<=\w)-(?=\w)|_", " ", text)
    return re.sub(r"[^\S\n]+", " ", text).strip()


def _casefolded(text: str) -> str:
    return "".join(sign.casefold() for sign in text)


def _folded_with_places(text: str) -> tuple[str, list[int]]:
    """The text case-folded, and where each of its characters (and its end) is in the text."""
    signs, places = [], []
    for place, sign in enumerate(text):
        folded = sign.casefold()
        signs.append(folded)
        places += [place] * len(folded)
    return "".join(signs), [*places, len(text)]


def _folded(text: str) -> str:
    return _casefolded(_plain(text))


def _bare(text: str) -> str:
    """Without Markdown's emphasis, headings and table marks, and without tags."""
    text = re.sub(r"</?[A-Za-z][\w-]{0,20}>", "\n", text)
    text = re.sub(r"\*\*|__|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)|`+", "", text)
    return re.sub(r"(?m)^\s*(?:#+|>+|[*•·+-](?=\s)|\d{1,2}[.)](?=\s+\S))\s*", "", text)


def _apart(sign: str) -> bool:
    """Whether the next sign next to a label, white space aside, is none of a word."""
    return not sign or sign in _APART


def _negated(before: str, behind: str) -> bool:
    ends = [match.end() for match in _CLAUSE_END.finditer(before)]
    clause = before[ends[-1] if ends else 0 :]
    negated = _NEGATION.search(clause) or _NEITHER.search(before) or _NEGATED_BEHIND.match(behind)
    return negated is not None


# ------------------------------------------------------------------------------------------------------------- deciding


def _single(text: str, matcher: _Matcher) -> str | None:
    plain = _plain(_bare(_NOT.sub(" not", text) if matcher.negates else text))
    exact = _exactly(plain, matcher)
    if exact is not None:
        return exact
    mentions = matcher.mentions(plain)
    cued = [mention for mention in mentions if mention.cued]
    if cued:
        return cued[-1].label
    lines = [line for line in plain.splitlines() if line.strip()]
    edges = {label for line in (lines[:1], lines[-1:]) if line and (label := _exactly(line[0], matcher)) is not None}
    if len(edges) == 1:
        return edges.pop()
    alone = [mention for mention in mentions if mention.alone and _counts_alone(mention, plain)]
    first = alone[0] if alone else None
    if first is not None and not plain[: first.start].strip(_APART) and len({answer.label for answer in alone}) == 1:
        return first.label
    named = {mention.label for mention in mentions if _counts_in_prose(mention, plain)} | {
        answer.label for answer in alone
    }
    return named.pop() if len(named) == 1 else None


def _exactly(line: str, matcher: _Matcher) -> str | None:
    """The label that a line consists of, signs around it aside; also in the plural."""
    for spelt in (line.strip(), line.strip(_APART)):
        folded = _casefolded(spelt)
        if folded in matcher.folded:
            return matcher._meant(folded, spelt)
    bare = _casefolded(line.strip().rstrip(_APART))
    number = _WHOLE.fullmatch(bare) or _OF_SCALE.fullmatch(bare)
    if number and number[1] in matcher.labels and (number.re is _WHOLE or number[2] == matcher.highest):
        return number[1]
    near = [label for label in matcher.folded if len(folded) > 3 and (label == f"{folded}s" or folded == f"{label}s")]
    return matcher.folded[near[0]][0] if len(near) == 1 and len(matcher.folded[near[0]]) == 1 else None


def _listed(text: str, matcher: _Matcher) -> set[str]:
    plain = _plain(_bare(text))
    exact = _exactly(plain, matcher)
    if exact is not None:
        return {exact}
    mentions = matcher.mentions(plain)
    beside = "".join(
        plain[previous.end : other.start] for previous, other in pairwise([_BEGIN, *mentions, _end(plain)])
    )
    if not _AND.sub("", beside).strip(_APART):  # labels and separators, nothing else
        return {mention.label for mention in mentions}
    return {mention.label for mention in mentions if mention.cued or mention.alone or _counts_in_prose(mention, plain)}


_BEGIN = _Mention("", 0, 0, alone=False, cued=False)


def _end(text: str) -> _Mention:
    return _Mention("", len(text), len(text), alone=False, cued=False)


def _counts_alone(mention: _Mention, text: str) -> bool:
    """A letter that begins a line of an enumeration is not an answer."""
    short = len(mention.label) == 1 or mention.label.isdecimal()
    return not (short and "\n" in text.strip() and text[mention.end : mention.end + 1] in (")", "."))


def _counts_in_prose(mention: _Mention, text: str) -> bool:
    """Whether a label within a sentence is meant: not where its word could be any word of the sentence."""
    spelt = text[mention.start : mention.end]
    own = _plain(mention.label)
    if len(own) == 1 and text[: mention.start].endswith((" or ", " and ", "/")):  # one of several
        return False
    if own.isdecimal() or (len(own) == 1 and own.isascii()):
        edge = not text[mention.end :].strip(_APART)
        if own.isdecimal():  # "4 stars", "I would rate it 4"
            edge = (edge or not text[: mention.start].strip(_APART)) and len(re.findall(r"\d+", text)) == 1
        return edge and spelt == own
    if _casefolded(own) in ("yes", "no", "true", "false") and not text[mention.end :].strip(_APART):
        return not text[: mention.start].endswith((" or ", " and "))
    if _casefolded(own) in _COMMON_WORDS.split():
        return len(own) > 1 and own.isupper() and spelt == own
    return len(own) > 3 or not own.isascii() or spelt == own


# ---------------------------------------------------------------------------------------------------------------- JSON


def _from_json(text: str, matcher: _Matcher) -> list[str] | None:
    """The strings that an answer in JSON gives as its labels; ``None``: it is not JSON, or gives none."""
    begins = min((place for sign in "{[" if (place := text.find(sign)) >= 0), default=-1)
    if begins < 0 or (text[:begins].strip(_APART) and len(text[:begins]) > 200):
        return None
    try:
        value, _ = json.JSONDecoder().raw_decode(text[begins:])
        return _values(value, matcher)
    except (ValueError, RecursionError):
        return None


def _values(value: Any, matcher: _Matcher) -> list[str] | None:
    if isinstance(value, str):
        return [value]
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, int | float):
        return [f"{value:g}"] if abs(value) < 1e15 else []
    if isinstance(value, list):
        parts = [_values(part, matcher) for part in value[:1000]]
        return None if any(part is None for part in parts) else [label for part in parts for label in part or []]
    if not isinstance(value, dict):
        return []
    folded = {_folded(str(name)): inner for name, inner in value.items()}
    for name in (*_KEYS, *_MORE_KEYS):
        if name in folded:
            return _values(folded[name], matcher)
    flags = all(isinstance(inner, bool) for inner in value.values())
    if value and flags:  # {"money": true, "sport": false}
        return [str(name) for name, inner in value.items() if inner]
    return _values(next(iter(value.values())), matcher) if len(value) == 1 else None
