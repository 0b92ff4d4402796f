"""Memory of all processes of a program together: limited by a control group (v2), or summed up again and again.

The limit of an address space holds for one process; a program may start several. Where this process may make control
groups with a memory controller, the kernel keeps the total. Else the launcher sums what the processes hold in memory
(pages that several processes share count for each), so that a program may be over the limit for a moment.
Standard library only: the source of this file is run by the launcher.
"""

from __future__ import annotations

import os
from contextlib import suppress

EVERY_SECONDS = 0.05
"""How often processes are summed up."""


def new_group(limit_bytes: int, processes: int, name: str) -> str | None:
    """A control group with these limits; ``None`` where none can be made."""
    for parent in _parents():
        path = f"{parent}/{name}"
        try:
            with open(f"{parent}/cgroup.subtree_control", encoding="ascii") as file:  # noqa: PTH123
                if "memory" not in file.read().split():
                    continue
            os.mkdir(path)  # noqa: PTH102
        except OSError:
            continue
        try:
            _write(f"{path}/memory.max", limit_bytes)
        except OSError:
            remove_group(path)
            continue
        for file_name, value in (("memory.swap.max", 0), ("memory.oom.group", 1), ("pids.max", processes)):
            with suppress(OSError):
                _write(f"{path}/{file_name}", value)
        return path
    return None


def join(group: str) -> None:
    """Move this process, and with it all that it starts, into a group."""
    _write(f"{group}/cgroup.procs", os.getpid())


def ran_out(group: str) -> bool:
    """Whether the kernel ended processes of a group because they were over the limit."""
    try:
        with open(f"{group}/memory.events", encoding="ascii") as file:  # noqa: PTH123
            return any(line.startswith("oom_kill ") and line.split()[1] != "0" for line in file)
    except OSError:
        return False


def remove_group(group: str) -> None:
    """Remove a group whose processes have ended."""
    with suppress(OSError):
        os.rmdir(group)  # noqa: PTH106


def held_bytes(process: int) -> int:
    """What a process and all its descendants hold in memory that is theirs (not files)."""
    total, waiting = 0, [process]
    while waiting:
        number = waiting.pop()
        total += _own_bytes(number)
        waiting += _children(number)
    return total


def _parents() -> list[str]:
    """Folders of this process's control group and of the one above it, in the hierarchy of version 2."""
    root = own = ""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8") as file:  # noqa: PTH123
            for line in file:
                before, _, after = line.partition(" - ")
                if after.startswith("cgroup2 "):
                    root = before.split()[4]
        with open("/proc/self/cgroup", encoding="utf-8") as file:  # noqa: PTH123
            own = next((line.strip()[3:] for line in file if line.startswith("0::")), "")
    except OSError:
        return []
    if not root or not own:
        return []
    path = f"{root}{own}".rstrip("/")
    return [path] if path == root else [path, os.path.dirname(path)]  # noqa: PTH120


def _own_bytes(number: int) -> int:
    try:
        with open(f"/proc/{number}/status", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            lines = [line.split() for line in file if line.startswith(("RssAnon:", "RssShmem:"))]
    except OSError:
        return 0
    return sum(int(words[1]) * 1024 for words in lines)


def _children(number: int) -> list[int]:
    """Child processes of all threads of a process; where the kernel does not list them, found among all processes."""
    processes: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{number}/task"):  # noqa: PTH208
            with open(f"/proc/{number}/task/{thread}/children", encoding="ascii") as file:  # noqa: PTH123
                processes += map(int, file.read().split())
    except ProcessLookupError:
        return []
    except FileNotFoundError:
        if os.path.exists(f"/proc/{number}/task"):  # noqa: PTH110
            return children_by_parent(number)
    return processes


def children_by_parent(number: int) -> list[int]:
    """Processes that name this one as their parent."""
    return [int(process) for process in os.listdir("/proc") if process.isdigit() and _parent(process) == str(number)]  # noqa: PTH208


def _parent(number: str) -> str:
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[1]
    except OSError:
        return ""


def _write(path: str, value: int) -> None:
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123
        file.write(str(value))
