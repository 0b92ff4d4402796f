from __future__ import annotations

from goldilocks.support.sandbox.harness import begins, with_tests


def test_item_begins_the_program_that_its_harness_puts_it_in_front_of() -> None:
    item = "def inc(x):\n"

    assert begins(item, with_tests(item, "check(inc)"))
    assert begins(item, with_tests(f"import math\n{item}", "check(inc)"))
    assert not begins("Write inc.", with_tests("import math", "assert inc(1) == 2"))
    assert not begins(item, item)
    assert not begins("", with_tests("", "assert x"))
