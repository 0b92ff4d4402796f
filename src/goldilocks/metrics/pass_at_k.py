"""pass@1: the share of programs that pass their tests, run in a sandbox (``support/sandbox/``).

An answer may also be several samples for one item; the item then counts with the share of them that pass, which is the
unbiased estimate of pass@1. ``estimate`` gives pass@k for larger k. An item without tests passes where its answer is
the same program as a reference (an equal syntax tree, so spaces, comments and quotes do not count).
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb

import numpy as np

from goldilocks.errors import InputError
from goldilocks.protocols import Floats, Metric
from goldilocks.records import Answer, Gold, Output
from goldilocks.support.sandbox.failing_test import failing_test
from goldilocks.support.sandbox.harness import ProgramWithTests, is_harness, judged, parsed, with_tests
from goldilocks.support.sandbox.sandbox import judge, protection
from goldilocks.support.text.units import references

OUTPUTS = frozenset({Output.TEXT})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = (
    "Chen et al. 2021, 'Evaluating Large Language Models Trained on Code'. Answers are cut to the longest program as "
    "in EvalPlus; 8 s, 1 GB and the standard library for each."
)
EXAMPLES = (
    (
        (("x = 2", with_tests("", "assert x == 2")), ("x = 2", with_tests("", "assert x == 2"))),
        ("x = 1 + 1", "x = 3"),
        1 / 2,
    ),
    # Without tests: the same program in other words, and another one.
    (("print( 'a' )", "a = 1"), ('print("a")', "a = 2"), 1 / 2),
)

_verdicts: dict[ProgramWithTests, bool] = {}
_MAX_VERDICTS = 100_000


def items(gold: Sequence[Gold], predicted: Sequence[Answer]) -> Floats:
    """``(share of the samples that pass, 1)`` for each item, shape ``(n_items, 2)``.

    Raises:
        InputError: not one answer for each item.
        MissingError: programs cannot be run on this machine.
    """
    if len(gold) != len(predicted):
        raise InputError(f"{len(gold)} gold and {len(predicted)} predicted programs; both need one entry per item.")
    summands = np.ones((len(gold), 2))
    summands[:, 0] = [np.mean(passed) if passed else 0.0 for passed in _verdicts_of(gold, predicted)]
    return summands


def total(sums: Floats) -> Floats:
    """The mean for each row of ``sums``."""
    return np.asarray(sums[:, 0] / sums[:, 1])


def conditions(gold: Sequence[Gold]) -> str:  # noqa: ARG001
    """How programs are kept in on this machine."""
    return f"programs were run in the sandbox ({protection()})"


def explanation(gold: Gold, answer: Answer) -> tuple[str, str] | None:
    """See ``protocols.ExplainsErrors``: the first test that fails, and why."""
    right = references(gold)
    harness = next((text for text in right if is_harness(text)), None)
    if harness is None:
        return None
    return failing_test(harness, str(answer), next((text for text in right if not is_harness(text)), ""))


@dataclass(frozen=True, slots=True)
class _Tries:
    """pass@k: how often one of ``k`` samples passes at least."""

    k: int
    OUTPUTS = OUTPUTS
    HIGHER_IS_BETTER = True
    RANGE = RANGE
    SOURCE = SOURCE
    EXAMPLES = ()

    def items(self, gold: Sequence[Gold], predicted: Sequence[Answer]) -> Floats:
        """``(estimate of pass@k, 1)`` for each item, shape ``(n_items, 2)``."""
        summands = np.ones((len(gold), 2))
        summands[:, 0] = [estimate(len(passed), sum(passed), self.k) for passed in _verdicts_of(gold, predicted)]
        return summands

    def total(self, sums: Floats) -> Floats:
        """The mean for each row of ``sums``."""
        return total(sums)


def at(k: int) -> Metric:
    """See ``protocols.SupportsSampling``."""
    return _Tries(k)


def estimate(samples: int, passed: int, k: int) -> float:
    """The unbiased estimate of pass@k from ``samples`` answers to an item of which ``passed`` are right.

    Raises:
        InputError: there are fewer than ``k`` samples, or more passed than there are.

    Example:
        >>> estimate(4, 1, 1), estimate(4, 1, 2), estimate(4, 3, 3)
        (0.25, 0.5, 1.0)
    """
    if not 0 <= passed <= samples or not 1 <= k <= samples:
        raise InputError(f"pass@{k} of {samples} samples with {passed} passed; draw at least {k} samples per item.")
    return 1 - comb(samples - passed, k) / comb(samples, k)


def _verdicts_of(gold: Sequence[Gold], predicted: Sequence[Answer]) -> list[list[bool]]:
    """Which samples of each item pass."""
    checks = [
        [_check(references(right), str(sample)) for sample in (given if isinstance(given, tuple) else (given,))]
        for right, given in zip(gold, predicted, strict=True)
    ]
    _run_new([check for of_item in checks for check in of_item if isinstance(check, ProgramWithTests)])
    return [[check if isinstance(check, bool) else _verdicts[check] for check in of_item] for of_item in checks]


def _check(right: Sequence[str], answer: str) -> bool | ProgramWithTests:
    """Whether the answer is right, or the program and tests that find out."""
    harness = next((text for text in right if is_harness(text)), None)
    if harness is not None:
        solution = next((text for text in right if not is_harness(text)), "")
        return _judged(harness, answer, solution)
    tree = _tree(answer)
    return tree is not None and any(tree == _tree(text) for text in right)


@lru_cache(maxsize=10_000)
def _judged(harness: str, answer: str, solution: str) -> ProgramWithTests:
    return judged(harness, answer, solution)


def _tree(code: str) -> str | None:
    module = parsed(code.strip())
    return None if module is None or not module.body else ast.dump(module)


def _run_new(programs: Sequence[ProgramWithTests]) -> None:
    """Run what was not run before: a score, its interval and its slices ask for the same programs again."""
    new = [program for program in dict.fromkeys(programs) if program not in _verdicts]
    if len(_verdicts) + len(new) > _MAX_VERDICTS:
        _verdicts.clear()
        new = list(dict.fromkeys(programs))
    for program, outcome in zip(new, judge(new), strict=True):
        _verdicts[program] = outcome.passed
