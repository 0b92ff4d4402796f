# ruff: noqa: T201
"""Two local Ray nodes, in a process of its own (tests allow loopback sockets only, Ray uses the machine's address):
a worker is killed in the middle of a job, then the head. Prints one line for each thing seen."""

import os
import signal
import time
from typing import Any

from goldilocks import plugins
from goldilocks.errors import InputError, ProcessError, WorkerLostError
from goldilocks.protocols import ExecutorOptions, Job


def perform(data: str, content: str) -> Any:
    if content == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if content == "fail":
        raise InputError("it is wrong.")
    if content == "sleep":
        time.sleep(60)
    return data + content


def main() -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    try:
        with plugins.load("executors", "ray").open_workers(ExecutorOptions(cluster.address)) as workers:
            workers.share(perform, "done ")
            print("size", workers.size)
            workers.submit(Job("a", "die"))
            workers.submit(Job("b", "b"))
            print("free", workers.free)
            results = dict(workers.wait() for _ in range(2))
            print(results["b"]())
            try:
                results["a"]()
            except WorkerLostError as error:
                print("lost:", error)
            workers.submit(Job("a", "again"))
            print(workers.wait()[1]())
            workers.submit(Job("c", "fail"))
            try:
                workers.wait()[1]()
            except InputError as error:
                print("failed:", error)
            workers.submit(Job("d", "sleep"))
            cluster.head_node.kill_gcs_server()
            workers.wait()
    except ProcessError as error:
        print("head:", error)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
