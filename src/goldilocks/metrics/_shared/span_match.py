"""When two pieces of text are the same answer: what the metrics of extractive question answering share.

Each pair of gold answer and prediction is compared as the official script of its language does: by CMRC 2018's where
either holds a Chinese character, else by SQuAD's.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

SOURCE = (
    "Rajpurkar et al. 2016 and 2018 (SQuAD 1.1 and 2.0: case, punctuation and articles do not count); where a Chinese "
    "character is in either text, Cui et al. 2019 (CMRC 2018: a character is a word, the longest common run counts). "
    "The best of the references counts; none right and none given is 1. Other letters among Chinese are cut at space "
    "and punctuation here, by NLTK's word_tokenize there."
)

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_CHINESE = re.compile("[\u4e00-\u9fa5]")
_CHINESE_PUNCTUATION = str.maketrans("", "", "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
_MIXED = re.compile(r"[\u4e00-\u9fa5]|[^\W\u4e00-\u9fa5]+|[^\w\s]")


def best(compare: Callable[[str, str], float], gold: Sequence[tuple[int, str]], predicted: str) -> float:
    """The best agreement of a prediction with the gold answers; without any, nothing is right."""
    return max(compare(text, predicted) for _, text in gold) if gold else float(not _english(predicted))


def same(right: str, predicted: str) -> float:
    """1 where both are the same answer, else 0.

    Example:
        >>> same("the Eiffel Tower", "Eiffel tower."), same("《红楼梦》", "红楼梦")
        (1.0, 1.0)
    """
    if _CHINESE.search(right) or _CHINESE.search(predicted):
        return float(_chinese(right) == _chinese(predicted))
    return float(_english(right) == _english(predicted))


def overlap(right: str, predicted: str) -> float:
    """F1 of the words (or of the longest common run of Chinese characters) that both have.

    Example:
        >>> overlap("Eiffel Tower", "tower"), overlap("一八八九年", "八九年")  # 2·1 / (2 + 1), 2·3 / (5 + 3)
        (0.6666666666666666, 0.75)
    """
    if _CHINESE.search(right) or _CHINESE.search(predicted):
        ours, theirs = (_MIXED.findall(_chinese(text)) for text in (right, predicted))
        common = _longest_run(ours, theirs)
    else:
        ours, theirs = _english(right).split(), _english(predicted).split()
        if not ours or not theirs:
            return float(ours == theirs)
        common = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * common / (len(ours) + len(theirs)) if common else 0.0


def _english(text: str) -> str:
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def _chinese(text: str) -> str:
    return text.lower().strip().translate(_CHINESE_PUNCTUATION)


def _longest_run(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest run of words common to both."""
    longest, before = 0, [0] * (len(second) + 1)  # runs that end at the word before, and at each word of the second
    for word in first:
        row = [0] + [before[i] + 1 if word == other else 0 for i, other in enumerate(second)]
        longest, before = max(longest, *row), row
    return longest
