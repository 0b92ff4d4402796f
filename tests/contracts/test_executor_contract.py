import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.protocols import ExecutorOptions, Job


def perform(data: int, content: int) -> int:
    if content < 0:
        raise InputError(f"{content} is negative.")
    return data + content


@pytest.mark.parametrize("name", plugins.names("executors"))
def test_jobs_return_their_results_and_errors(name: str) -> None:
    if name == "ray":
        pytest.skip("needs more than loopback; see tests/executors/test_ray.py")
    with plugins.load("executors", name).open_workers(ExecutorOptions()) as workers:
        workers.share(perform, 40)
        assert 1 <= workers.free == workers.size
        workers.submit(Job("a", 2))
        assert workers.free == workers.size - 1
        done, result = workers.wait()
        assert (done, result()) == ("a", 42)
        workers.submit(Job("b", -1))
        with pytest.raises(InputError, match="-1 is negative"):
            workers.wait()[1]()
        assert workers.free == workers.size


def test_an_address_needs_a_cluster() -> None:
    executor = plugins.load("executors", "local")
    with pytest.raises(InputError, match="add --executor ray"), executor.open_workers(ExecutorOptions("10.0.0.5:6379")):
        pass
