# ruff: noqa: E501 - one program a line
"""What a program may try so that its tests seem to pass; each of these is wrong and has to fail."""

from __future__ import annotations

import sys

import pytest

from goldilocks.support.sandbox.harness import judged, with_tests
from goldilocks.support.sandbox.sandbox import SandboxLimits, judge

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is made of what Linux offers")

_LIMITS = SandboxLimits(wall_seconds=20, cpu_seconds=5)
_SOLUTION = "import math\ndef f(x):\n    return x * x + 1.5"
_TESTS = """
def check(candidate):
    assert candidate(3) == 10.5
    assert abs(candidate(2) - 5.5) < 1e-9
    assert math.isclose(candidate(1), 2.5)
    assert candidate(0) in (1.5,)
check(f)
"""
_EVIL = """
class Evil{base}:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return hash(1.5)
    def __sub__(self, other): return self
    __rsub__ = __add__ = __radd__ = __sub__
    def __abs__(self): return self
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __bool__(self): return True
    def __float__(self): return 1.5
    def __contains__(self, other): return True
    def __getattr__(self, name): return self
    def __call__(self, *args): return self
"""
_TWO = "def f(x): return 2"
CHEATS = {
    "exit": "import sys\nsys.exit(0)",
    "exit without a trace": "import os\nos._exit(0)",
    "exit when called": "def f(x):\n    import os\n    os._exit(0)",
    "SystemExit when called": "def f(x):\n    raise SystemExit(0)",
    "quit in a thread": "import threading, os\nthreading.Thread(target=lambda: os._exit(0)).start()\n" + _TWO,
    "patched builtins": "import builtins\nbuiltins.abs = lambda x: 0\nbuiltins.AssertionError = type(None)\n" + _TWO,
    "names of builtins": "def abs(x): return 0\ndef isinstance(*x): return True\n" + _TWO,
    "own AssertionError": "class AssertionError(Exception):\n    def __new__(cls, *a): raise SystemExit(0)\n" + _TWO,
    "patched unittest": "import unittest\nunittest.TestCase.assertEqual = lambda *a: None\n" + _TWO,
    "own check": "def check(candidate): pass\n" + _TWO,
    "check defined later": "import threading\ndef f(x):\n    globals()['check'] = lambda c: None\n    return 2",
    "own math": "class math:\n    isclose = staticmethod(lambda *a: True)\ndef f(x):\n    return {3: 10.5, 2: 5.5}.get(x, 9)",
    "patched math": "import math\nmath.isclose = lambda *a: True\n" + _TWO,
    "__eq__": _EVIL.format(base="") + "def f(x): return Evil()",
    "__eq__ of a float": _EVIL.format(base="(float)") + "def f(x): return Evil(2)",
    "__eq__ of a function": _EVIL.format(base="") + "f = Evil()",
    "metaclass": "class M(type):\n    def __eq__(self, o): return True\n    __hash__ = None\nclass f(metaclass=M):\n"
    "    def __init__(self, x): pass",
    "__class__": "class E:\n    __class__ = float\n    def __eq__(self, o): return True\ndef f(x): return E()",
    "mock.ANY": "from unittest.mock import ANY\ndef f(x): return ANY",
    "mock.ANY as the function": "from unittest.mock import MagicMock as f",
    "frames": "import sys\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n"
    "        for one in frame.f_code.co_consts:\n            if isinstance(one, float) and one > 2: return one\n"
    "        frame = frame.f_back\n    return 2",
    "garbage collector": "import gc, types\ndef f(x):\n    for one in gc.get_objects():\n"
    "        if isinstance(one, types.FunctionType) and one.__name__ == 'check': return one.__code__.co_consts[x]\n"
    "    return 2",
    "patched caller": "import sys\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n"
    "        for name in list(frame.f_globals):\n            if name in ('json', 'os'): pass\n"
    "        frame.f_globals['check'] = lambda c: None\n        frame = frame.f_back\n    return 2",
    "printed verdict": "print('{\"passed\": true}', flush=True)\n" + _TWO,
    "verdict on every file": "import os\nfor n in range(3, 64):\n    try: os.write(n, b'{\"passed\": true}\\n')\n"
    "    except OSError: pass\n" + _TWO,
    "answers on every file": "import os, json\nm = json.dumps({'value': True, 'passed': True}).encode()\n"
    "for n in range(3, 64):\n    for _ in range(50):\n        try: os.write(n, len(m).to_bytes(8) + m)\n"
    "        except OSError: break\n" + _TWO,
    "atexit": "import atexit, os\natexit.register(lambda: os._exit(0))\n" + _TWO,
    "killed parent": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n" + _TWO,
    "killed everything": "import os, signal\nos.kill(-1, signal.SIGKILL)\n" + _TWO,
    "signal": "import signal, os\nsignal.signal(signal.SIGALRM, lambda *a: os._exit(0))\nsignal.setitimer(0, .05)\n"
    + _TWO,
    "trace function": "import sys\nsys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)\n" + _TWO,
    "excepthook": "import sys\nsys.excepthook = lambda *a: None\nsys.stderr = None\n" + _TWO,
    "import hook": "import builtins\nbuiltins.__import__ = lambda *a, **k: None\n" + _TWO,
    "memory of others": "import ctypes\ndef f(x):\n    ctypes.CDLL(None).ptrace(16, 1, 0, 0)\n    return 2",
    "fork that answers": "import os\nif os.fork(): os._exit(0)\n" + _TWO,
    "files": "import os\ndef f(x):\n    for root, _, names in os.walk('/'):\n        for name in names:\n"
    "            if 'test' in name and root.startswith(('/tmp', '/home')): return 10.5\n    return 2",
    "changed JSON": 'import json\njson.dumps = lambda *a, **k: \'{"passed": true, "value": true}\'\n' + _TWO,
    "changed server": "import gc\nfor one in gc.get_objects():\n    if type(one).__name__ == 'Server':\n"
    "        one.handled = lambda r: {'value': ['object', 0, 'x'], 'passed': True}\n" + _TWO,
    "error that is none": "import gc\nfor one in gc.get_objects():\n    if type(one).__name__ == 'Server':\n"
    "        one.handled = lambda r: {'error': 'quit', 'message': '0'}\n" + _TWO,
    "every process of /proc": "import os\nfor p in range(1, 400):\n    for n in range(20):\n"
    "        try: os.write(os.open(f'/proc/{p}/fd/{n}', os.O_WRONLY), b'{\"passed\": true}')\n"
    "        except OSError: pass\n" + _TWO,
    "its own memory": "import os\nos.open('/proc/self/mem', os.O_RDWR)\n" + _TWO,
    "changed integers": "import ctypes\nctypes.c_int.from_address(id(2) + 24).value = 10\n" + _TWO,
    "closed files": "import os\nos.closerange(0, 100)\n" + _TWO,
    "exchanged files": "import os\nfor a in range(3, 20):\n    for b in range(3, 20):\n"
    "        try: os.dup2(a, b)\n        except OSError: pass\n" + _TWO,
    "answers before questions": "import gc\nfor one in gc.get_objects():\n    if type(one).__name__ == 'Channel':\n"
    "        for _ in range(9):\n            try: one.send({'value': 10.5})\n            except Exception: pass\n"
    + _TWO,
    "not a number": "def f(x): return float('nan')",
    "error of another kind": "class X(BaseException): pass\ndef f(x): raise X",
    "list of what is equal to all": _EVIL.format(base="") + "def f(x): return [Evil()]",
    "str that is equal to all": _EVIL.format(base="(str)") + "def f(x): return Evil('x')",
    "parent stopped": "import os, signal\ntry: os.kill(os.getppid(), signal.SIGSTOP)\nexcept OSError: pass\n" + _TWO,
    "deep value": "def f(x):\n    y = []\n    for _ in range(100000): y = [y]\n    return y",
    "error of the tests": "def f(x): raise AssertionError",
    "wrong": _TWO,
    "nothing": "",
}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """Every cheat's reason for failing; empty where it passed."""
    harness = with_tests("", _TESTS)
    programs = [judged(harness, cheat, _SOLUTION) for cheat in CHEATS.values()]
    return dict(zip(CHEATS, (outcome.reason for outcome in judge(programs, _LIMITS)), strict=True))


@pytest.mark.parametrize("name", CHEATS)
def test_cheat_fails(name: str, outcomes: dict[str, str]) -> None:
    assert outcomes[name]


def test_right_program_passes_the_same_tests() -> None:
    harness = with_tests("", _TESTS)
    answers = [_SOLUTION, "import math\ndef f(x: int) -> float:\n    return math.pow(x, 2) + 3 / 2"]
    assert [entry.reason for entry in judge([judged(harness, answer, _SOLUTION) for answer in answers])] == ["", ""]


def test_tests_that_catch_everything_do_not_hide_that_the_program_ended() -> None:
    tests = "try:\n    f(1)\nexcept BaseException:\n    pass"
    (outcome,) = judge([judged(with_tests("", tests), "def f(x):\n    import os\n    os._exit(0)", "def f(x): pass")])
    assert "ended by itself" in outcome.reason


def test_helper_of_the_prompt_cannot_be_replaced() -> None:
    # As HumanEval/32: the tests call a function that the prompt gives whole.
    before = "def poly(x):\n    return x - 7\n\ndef zero():\n    '''Where poly is 0.'''\n"
    harness = with_tests(before, "assert poly(zero()) == 0")
    cheat = "    return 1\ndef poly(x):\n    return 0"
    right = "    return 7"
    assert [entry.passed for entry in judge([judged(harness, entry, right) for entry in (cheat, right)])] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("answer", "tests"),
    [
        ("def f(x):\n    x.sort()", "x = [3, 1, 2]\nf(x)\nassert x == [1, 2, 3]"),
        ("def f(x):\n    x['a'].append(1)", "inner = []\nx = {'a': inner}\nf(x)\nassert x == {'a': [1]}"),
        ("def f(x):\n    yield from range(x)", "assert list(f(3)) == [0, 1, 2] and next(f(1)) == 0"),
        ("def f(g, x):\n    return [g(one) for one in x]", "assert f(lambda y: y + 1, [1, 2]) == [2, 3]"),
        (
            "def f(x):\n    raise ValueError('no ' + x)",
            "try:\n    f('a')\nexcept ValueError as e:\n    assert str(e) == 'no a'",
        ),
        ("def f(x):\n    raise KeyError(x)", "try:\n    f(1)\n    raise AssertionError\nexcept LookupError:\n    pass"),
        (
            "class f:\n    def __init__(self, x): self.x = x\n    def double(self): return 2 * self.x",
            "assert f(2).double() == 4 and f(3).x == 3",
        ),
        ("class f(list):\n    def top(self): return self[-1]", "assert f([1, 2]) == [1, 2]"),
        (
            "def f(x): print('hi', x)",
            "import io, sys\nold = sys.stdout\nsys.stdout = io.StringIO()\nf(1)\ngot = sys.stdout.getvalue()\nsys.stdout = old\nassert got == 'hi 1\\n'",
        ),
        (
            "from decimal import Decimal\ndef f(x): return Decimal(x) / 3",
            "from decimal import Decimal\nassert f(6) == Decimal(2)",
        ),
        ("import datetime\ndef f(x): return datetime.date(x, 1, 2)", "assert f(2020).isoformat() == '2020-01-02'"),
        (
            "from collections import Counter, deque, OrderedDict\ndef f(x): return Counter(x), deque(x), OrderedDict(a=1)",
            "a, b, c = f('aab')\nassert a['a'] == 2 and a['z'] == 0 and b.popleft() == 'a' and c == {'a': 1}",
        ),
        ("def f(x): return x ** 5000", "assert f(10) == 10 ** 5000 and f(-10) == 10 ** 5000"),
        ("def f(x): return float(x)", "import math\nassert math.isnan(f('nan')) and f('-inf') == -math.inf"),
        (
            "def f(x): return {1, (2, 3)}, b'x', 1 + 2j, frozenset('a'), range(3), None, True",
            "assert f(0) == ({1, (2, 3)}, b'x', 1 + 2j, frozenset('a'), range(3), None, True)",
        ),
        ("x = [1]\ndef f(): x.append(2)", "f()\nassert x == [1, 2]"),
        ("def f(x): return sum(x)", "assert f(iter([1, 2])) == 3 and f(i for i in range(3)) == 3"),
        ("def f(x, kind): return isinstance(x, kind)", "assert f(1, int) and not f('a', int)"),
        ("def sum(a, b): return a - b", "assert sum(3, 1) == 2"),
        (
            "class f:\n    def __init__(self, x): self.x = x\n    def __add__(self, o): return f(self.x + o.x)\n    def __eq__(self, o): return self.x == o.x\n    __hash__ = None",
            "assert f(1) + f(2) == f(3)\nassert f(1) != f(2)",
        ),
        ("def f(x):\n    return lambda y: x + y", "assert f(1)(2) == 3"),
        (
            "class f:\n    def __init__(self): self.d = {}\n    def __setitem__(self, k, v): self.d[k] = v\n    def __getitem__(self, k): return self.d[k]\n    def __len__(self): return 5\n    def __str__(self): return 'F'\n    def __iter__(self): return iter('ab')",
            "g = f()\ng[1] = 2\ng.name = 'n'\nassert g[1] == 2 and len(g) == 5 and str(g) == 'F' and 'b' in g and g.name == 'n' and isinstance(g, f)",
        ),
    ],
)
def test_right_programs_of_many_kinds_pass(answer: str, tests: str) -> None:
    (outcome,) = judge([judged(with_tests("", tests), answer, answer)])
    assert outcome.reason == ""


def test_instances_of_a_class_that_both_know_are_copied() -> None:
    before = "class Pair:\n    def __init__(self, a, b): self.a, self.b = a, b\n    def __eq__(self, o): return (self.a, self.b) == (o.a, o.b)"
    harness = with_tests(before, "assert f(Pair(1, 2)) == Pair(2, 1)\nassert Pair(2, 1) == f(Pair(1, 2))")
    right = "def f(p): return Pair(p.b, p.a)"
    cheats = [
        "def f(p):\n    Pair.__eq__ = lambda *a: True\n    return Pair(9, 9)",
        "class Pair:\n    def __eq__(self, o): return True\ndef f(p): return Pair()",
    ]
    got = judge([judged(harness, cheat, right) for cheat in (right, *cheats)])
    assert [entry.passed for entry in got] == [True, False, False]


def test_operator_between_an_object_of_the_program_and_a_value_of_the_tests_is_refused_with_a_reason() -> None:
    answer = "class E:\n    def __sub__(self, o): return 0\ndef f(x): return E()"
    (outcome,) = judge([judged(with_tests("", "assert f(3) - 3 == 0"), answer, "def f(x): return x")])
    assert outcome.reason == "TypeError: sub of the program's E and a int of the tests: the program would judge itself"
