"""The queue: fair, bounded, and never holding what nobody waits for."""

import pytest
from served import dry

from goldilocks.errors import RequestError
from goldilocks.records import Generation
from goldilocks.serving.engine import Call, Operation
from goldilocks.serving.queue import Job, RequestQueue, cost_of


def queue(most: int = 1000, *, max_items: int = 8, max_characters: int = 10_000) -> RequestQueue:
    return RequestQueue(most, max_items=max_items, max_characters=max_characters)


def texts(count: int, word: str = "w") -> list[str]:
    return [f"{word}{number}" for number in range(count)]


def taken(queue: RequestQueue) -> list[object]:
    return [item for part in queue.take(0) or () for item in part.items]


def test_a_client_with_one_item_does_not_wait_for_one_with_many() -> None:
    waiting = queue(max_items=16)
    waiting.put(Job(Call(), texts(500, "big"), key="big"))
    waiting.put(Job(Call(), texts(1, "small"), key="small"))
    first = taken(waiting)
    assert "small0" in first
    assert len(first) == 16


def test_keys_take_turns_across_batches() -> None:
    waiting = queue(max_items=8)
    for key in ("a", "b"):
        waiting.put(Job(Call(), texts(16, key), key=key))
    firsts = [str(taken(waiting)[0])[0] for _ in range(4)]
    assert firsts == ["a", "b", "a", "b"]


def test_a_batch_keeps_its_budget_of_characters_but_takes_one_item_at_least() -> None:
    waiting = queue(max_characters=100)
    waiting.put(Job(Call(), ["x" * 500, "y" * 60, "z" * 60]))
    assert [len(str(entry)) for entry in taken(waiting)] == [500]
    assert [len(str(entry)) for entry in taken(waiting)] == [60]
    assert cost_of(("ab", "c")) == len("ab c") + 16


def test_items_of_other_options_are_in_another_batch() -> None:
    waiting = queue()
    waiting.put(Job(Call(), ["a"], key="1"))
    waiting.put(Job(Call(Operation.GENERATE, Generation(temperature=1.0)), ["b"], key="2"))
    waiting.put(Job(Call(), ["c"], key="3"))
    assert [taken(waiting), taken(waiting)] == [["a", "c"], ["b"]]


def test_more_than_fit_are_refused_with_the_seconds_to_wait() -> None:
    waiting = queue(10)
    waiting.record_rate(20, 10.0)  # 2 items a second
    waiting.put(Job(Call(), texts(8)))
    with pytest.raises(RequestError, match="8 items wait already and 10 may") as refused:
        waiting.put(Job(Call(), texts(3)))
    assert refused.value.status == 429
    assert refused.value.retry_after == 4.0


def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits() -> None:
    waiting = queue(2, max_items=8)
    waiting.put(Job(Call(), texts(5)))
    assert len(taken(waiting)) == 5


def test_what_nobody_waits_for_is_not_computed() -> None:
    waiting = queue()
    late, gone = Job(Call(), ["late"], seconds=-1), Job(Call(), ["gone"])
    for job in (late, gone, Job(Call(), ["kept"])):
        waiting.put(job)
    gone.future.cancel()
    assert taken(waiting) == ["kept"]
    assert waiting.waiting == 0
    with pytest.raises(RequestError, match="not answered within its time limit") as failed:
        late.future.result(0)
    assert failed.value.status == 503


def test_results_that_arrive_out_of_order_are_put_in_order() -> None:
    job = Job(Call(), ["a", "bb", "ccc"])
    job.add_results(2, [dry("ccc")])
    job.add_results(0, [dry("a"), dry("bb")])
    assert [entry.score for entry in job.future.result(0)] == [0.001, 0.002, 0.003]  # type: ignore[union-attr]


def test_a_closed_queue_hands_out_what_it_has_and_takes_no_more() -> None:
    waiting = queue()
    waiting.put(Job(Call(), ["a"]))
    waiting.close()
    with pytest.raises(RequestError, match="the service is stopping") as refused:
        waiting.put(Job(Call(), ["b"]))
    assert refused.value.status == 503
    assert taken(waiting) == ["a"]
    assert waiting.take(0) is None


def test_while_requests_wait_too_long_further_ones_of_that_key_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("goldilocks.serving.queue.time.monotonic", lambda: now)
    waiting = RequestQueue(1000, max_items=8, max_characters=10_000, max_wait_seconds=5.0)
    waiting.put(Job(Call(), texts(20, "long"), key="busy"))
    taken(waiting)  # begun: a long request that is being answered is no reason
    now = 107.0
    waiting.put(Job(Call(), ["next"], key="busy"))
    now = 111.0
    waiting.put(Job(Call(), ["4 s are in order"], key="busy"))
    now = 112.5
    with pytest.raises(RequestError, match=r"wait for 5\.5 s already and 5 s is the limit") as refused:
        waiting.put(Job(Call(), ["late"], key="busy"))
    assert (refused.value.status, refused.value.code) == (429, "queue_slow")
    assert refused.value.retry_after
    waiting.put(Job(Call(), ["other"], key="quiet"))  # another client is not held responsible
    while taken(waiting):
        pass
    waiting.put(Job(Call(), ["again"], key="busy"))


def test_requests_that_nobody_waits_for_do_not_count_as_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("goldilocks.serving.queue.time.monotonic", lambda: now)
    waiting = RequestQueue(1000, max_items=8, max_characters=10_000, max_wait_seconds=5.0)
    gone = Job(Call(), ["gone"])
    waiting.put(gone)
    gone.future.cancel()
    now = 120.0
    waiting.put(Job(Call(), ["new"]))
    assert taken(waiting) == ["new"]
