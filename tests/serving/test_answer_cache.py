from __future__ import annotations

from served import dry

from goldilocks.records import Prediction
from goldilocks.serving.answer_cache import AnswerCache
from goldilocks.serving.engine import Call, Operation


def test_the_oldest_results_leave_and_versions_and_calls_are_apart() -> None:
    cache, call = AnswerCache(2), Call()
    for item in ("a", "b", "c"):
        cache.store("v1", call, [item], [dry(item)])
    assert cache.look_up("v1", call, ["a", "b", "c"]) == [None, dry("b"), dry("c")]
    assert cache.look_up("v2", call, ["c"]) == [None]
    assert cache.look_up("v1", Call(Operation.EMBED), ["c"]) == [None]


def test_generated_texts_and_a_size_of_0_keep_nothing() -> None:
    for cache, call in ((AnswerCache(2), Call(Operation.GENERATE)), (AnswerCache(0), Call())):
        assert not cache.keeps(call)
        cache.store("v1", call, ["a"], [dry("a")])
        assert cache.look_up("v1", call, ["a"]) == [None]


def test_failed_answers_and_long_items_are_not_kept() -> None:
    cache, call = AnswerCache(4), Call()
    failed, long = Prediction("", 0.0, error="the endpoint was busy"), "x" * 4_001
    cache.store("v1", call, ["a", long, ("b", "c")], [failed, dry(long), dry("b")])
    assert cache.look_up("v1", call, ["a", long, ("b", "c")]) == [None, None, dry("b")]
