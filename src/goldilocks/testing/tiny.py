"""Tiny data made on the spot: texts of three kinds that any classifier can tell apart, in English and Chinese."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.records import Part

LABELS = ("food", "money", "sport")
"""Sorted, as in a ``Dataset``."""

_WORDS = {
    "en": {
        "food": ("soup", "bread", "kitchen", "recipe", "delicious", "oven", "salt", "dinner"),
        "money": ("bank", "loan", "invoice", "payment", "account", "interest", "credit", "budget"),
        "sport": ("match", "goal", "coach", "stadium", "league", "player", "tournament", "referee"),
    },
    "zh": {
        "food": ("面包", "厨房", "菜谱", "好吃", "晚饭", "烤箱", "米饭", "鸡汤"),
        "money": ("银行", "贷款", "发票", "付款", "账户", "利息", "信用", "预算"),
        "sport": ("比赛", "进球", "教练", "球场", "联赛", "球员", "裁判", "冠军"),
    },
}
_FILLING = {
    "en": ("the", "a", "we", "saw", "today", "about", "with", "very", "again", "they"),
    "zh": ("我们", "今天", "看到", "一个", "关于", "非常", "他们", "又", "了", "的"),
}


def part(rows: int = 60, *, language: str = "en", seed: int = 0) -> Part:
    """Labelled texts: two words of the label's eight among four that say nothing.

    Args:
        rows: How many; the labels take turns, then the rows are shuffled.
        language: ``en`` or ``zh`` (written without spaces).
        seed: The same seed gives the same rows.
    """
    rng = np.random.default_rng(seed)
    between = " " if language == "en" else ""
    gold = [LABELS[i % len(LABELS)] for i in range(rows)]
    rng.shuffle(gold)
    texts = []
    for label in gold:
        words = [*rng.choice(_WORDS[language][label], 2), *rng.choice(_FILLING[language], 4)]
        rng.shuffle(words)
        texts.append(between.join(words))
    return Part(texts=tuple(texts), gold=tuple(gold), rows=tuple(range(1, rows + 1)))


def odd_texts() -> Sequence[str]:
    """Texts a service is sent sooner or later: nothing, only spaces, one sign, signs of no language, a long one."""
    return ("", "  \t\n", "?", "🙂🙃", "\u200b\ufeff", "x", "soup " * 3000, "面" * 3000, "Ωμέγα naïve Straße")
