"""Do reference programs pass their own tests when they are judged from another process, and how long does it take?

Run:    python benchmarks/sandbox_programs.py [--data-set humaneval|mbpp]
Needs:  CPU only; on two idle cores some ten seconds for the 164 problems of HumanEval.

Measured: the share of reference programs that pass (a right program that fails is a limit of the judging), and the
wall-clock seconds and processor seconds of judging all of them, as many at a time as there are cores. The last line of
output is one JSON object; everything above it is for people.
"""

from __future__ import annotations

import json
import os
import resource
import time

from bench_data import machine, options, rows

from goldilocks.metrics import pass_at_k
from goldilocks.support.sandbox.harness import ProgramWithTests
from goldilocks.support.sandbox.sandbox import judge, protection
from goldilocks.support.text.units import references
from goldilocks.tasks import code_generation

_COLUMNS = {
    "humaneval": {"prompt": "prompt", "solution": "canonical_solution", "tests": "test", "entry_point": "entry_point"},
    "mbpp": {"prompt": "text", "solution": "code", "tests": "test_list", "setup": "test_setup_code"},
}


def main() -> None:
    """Judge every reference program of a data set."""
    parser = options(__doc__)
    parser.add_argument("--data-set", choices=sorted(_COLUMNS), default="humaneval")
    arguments = parser.parse_args()
    columns = _COLUMNS[arguments.data_set]
    given = [
        {role: row[name] for role, name in columns.items()} for row in rows(arguments.data, arguments.data_set, "test")
    ]
    checks = [pass_at_k._check(references(code_generation.gold(row)), str(row["solution"])) for row in given]
    programs = [check for check in checks if isinstance(check, ProgramWithTests)]
    protected = protection()  # tried out before the clock starts
    before, begun = _processor_seconds(), time.perf_counter()
    outcomes = judge(programs)
    seconds = time.perf_counter() - begun
    for number, outcome in enumerate(outcomes):
        if not outcome.passed:
            print(f"program {number}: {outcome.reason}")
    passed = sum(outcome.passed for outcome in outcomes)
    print(f"{passed} of {len(programs)} reference programs pass, {seconds:.1f} s ({protected})")
    result = {
        "data": arguments.data_set,
        "n": len(programs),
        "passed": passed,
        "seconds": round(seconds, 2),
        "processor_seconds": round(_processor_seconds() - before, 2),
        "load_average": round(os.getloadavg()[0], 1),
        "protection": protected,
        "machine": machine(),
    }
    print(json.dumps(result))


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(entry.ru_utime + entry.ru_stime for entry in used)


if __name__ == "__main__":
    main()
