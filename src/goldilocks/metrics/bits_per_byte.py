"""Bits per byte: cross-entropy of the text under a model, per byte; comparable between tokenizers.

What a model gives is the natural logarithm of the probability of the whole text, its end included; the bytes are those
of the text in UTF-8. Above 8 the plain bytes would be shorter; such values are reported as 8.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Output

OUTPUTS = frozenset({Output.LIKELIHOOD})
HIGHER_IS_BETTER = False
RANGE = (0.0, 8.0)
SOURCE = "Shannon's cross-entropy in bits, summed over the texts / their bytes (as in Gao et al. 2020, The Pile)."
EXAMPLES = (
    # Four bytes at a probability of 1/2 each.
    (("abcd",), (4 * float(np.log(0.5)),), 1.0),
    # 2 + 6 bits over 1 + 3 bytes (a Chinese character has three).
    (("a", "好"), (float(np.log(1 / 4)), float(np.log(1 / 64))), 2.0),
)


def items(gold: Sequence[str], predicted: Sequence[float]) -> Floats:
    """``(bits, bytes)`` for each text, shape ``(n_items, 2)``."""
    bits = -np.asarray(predicted, dtype=np.float64) / np.log(2)
    return np.stack([bits, [float(len(text.encode("utf-8", "surrogatepass"))) for text in gold]], axis=1)


def total(sums: Floats) -> Floats:
    """Bits / bytes, from 0 to 8, for each row of ``sums``."""
    bits, size = np.asarray(sums, dtype=np.float64).T
    return np.asarray(np.clip(bits / np.maximum(size, 1), *RANGE))
