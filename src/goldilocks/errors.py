"""The exceptions that Goldilocks raises deliberately, with the exit code of the command.

GoldilocksError
├── InputError        2  the caller's data or options are wrong           -> fix the input
├── MissingError      2  a file, model, plug-in or package is not there   -> install or name another
├── IntegrityError    2  a bundle or record is damaged or too new         -> rebuild it
├── EndpointError     2  an endpoint does not answer as it should          -> check it, or leave it out
│   ├── RefusedItemError  2  it refuses one item (content filter, length)  -> leave the item out, or shorten it
│   └── UnfinishedError   2  it has failed in the middle of a batch        -> ask the other items again
├── ProcessError      2  a process of a run over several has ended       -> --resume
│   └── WorkerLostError  2  a worker of a race has ended                -> its rung is bought again
├── RequestError      2  the service refuses a request (an HTTP status)    -> fix the request, or retry later
├── LimitError        3  no candidate meets the hard limits               -> loosen the limit named
├── BaselineError     3  no candidate is better than the baseline         -> see what it needs, or --accept-baseline
├── BudgetError       4  the budget ended before a decision               -> raise the budget or shrink the pool
└── UnansweredError   4  a service ended before all was answered          -> raise limits.drain_seconds
"""

from __future__ import annotations

from typing import Any


class GoldilocksError(Exception):
    """Base class of all exceptions that Goldilocks raises deliberately."""

    EXIT_CODE = 2


class InputError(GoldilocksError, ValueError):
    """The caller's data or options are wrong."""


class MissingError(GoldilocksError, LookupError):
    """A file, a model, a plug-in or an optional package is not there."""


class IntegrityError(GoldilocksError):
    """A bundle or a record is damaged, or written by a newer version."""


class EndpointError(GoldilocksError):
    """An endpoint does not answer as it should, or has reached its spending cap."""


class RefusedItemError(EndpointError):
    """An endpoint refuses one item, because of its content filter or because it is longer than the model's context."""


class UnfinishedError(EndpointError):
    """An endpoint has failed after it answered some items of a batch.

    Attributes:
        answers: ``Answers`` of the whole batch; the problem of items without one says that the endpoint failed.
    """

    def __init__(self, message: str, answers: Any) -> None:
        super().__init__(message)
        self.answers = answers


class ProcessError(GoldilocksError):
    """One of the processes that train together has ended."""


class WorkerLostError(ProcessError):
    """A worker of a race has ended in the middle of a job; only that job is lost."""


class RequestError(GoldilocksError):
    """The service refuses a request, or cannot answer it now.

    Attributes:
        status: The HTTP status of the response.
        code: A short stable name, for programs.
        retry_after: Seconds after which the same request may succeed; ``None``: not by waiting.
    """

    def __init__(self, status: int, code: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.retry_after = status, code, retry_after


class LimitError(GoldilocksError):
    """No candidate meets the hard limits of the task."""

    EXIT_CODE = 3


class BaselineError(GoldilocksError):
    """No candidate is better than a trivial baseline or the user's incumbent; all results are written nevertheless."""

    EXIT_CODE = 3


class BudgetError(GoldilocksError):
    """The budget ended before a decision could be made."""

    EXIT_CODE = 4


class UnansweredError(GoldilocksError):
    """A service stopped at its deadline and refused some of the requests that it had accepted."""

    EXIT_CODE = 4
