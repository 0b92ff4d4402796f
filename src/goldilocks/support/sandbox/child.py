"""What runs one program with its limits; started by ``sandbox.py`` as a script of its own. Standard library only.

It is given a JSON of settings and the numbers of two pipes. On the first it tells how the run ended; the second is for
the program's own runner (``RUNNER``), which tells there whether the program came to its end.

With ``namespaces`` the program lives in a file system of its own, made of the system's libraries and Python (read only)
and one empty folder, has no network but a loopback that is down, and sees no process but its own. Whatever it started
ends with it.
"""

# ruff: noqa: PTH102, PTH103, PTH112, PTH114, PTH115, PTH120, PTH123, PTH208, PTH211 - pathlib would double the start
from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

NOBODY = 65534
HOME = "/home/answer"
SHOWN = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/dev/null", "/dev/zero", "/dev/urandom")
"""What the program sees of the machine, besides Python itself."""

# From linux/sched.h, linux/mount.h and linux/prctl.h; Python 3.11 has no names for them.
_NEW_NS, _NEW_UTS, _NEW_IPC = 0x00020000, 0x04000000, 0x08000000
_NEW_USER, _NEW_PID, _NEW_NET = 0x10000000, 0x20000000, 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE, _MS_NOSUID, _MS_NODEV = 4096, 16384, 1 << 18, 2, 4
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_SYS_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE, _ATTR_RDONLY, _ATTR_NOSUID = -100, 0x8000, 1, 2
_MNT_DETACH = 2
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 1, 38, 36
_POLL_SECONDS = 0.005

RUNNER = r"""
import json, os, sys
pipe, token, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
program = sys.stdin.buffer.read()
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

def tell(what):
    os.write(pipe, json.dumps(what).encode()[:4000])

def guard(folder):
    refused = ("socket.", "os.fork", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "subprocess.", "pty.",
               "ctypes.", "os.kill", "signal.pthread_kill", "os.startfile", "syslog.", "os.putenv", "sys.addaudithook")
    changing = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.link", "os.symlink",
                "os.truncate", "os.utime", "shutil.", "os.setxattr", "os.removexattr", "tempfile.")
    realpath, join, fspath = os.path.realpath, os.path.join, os.fspath
    write = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    def outside(path):
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False
        path = fspath(path)
        path = realpath(path.decode("utf-8", "surrogateescape") if isinstance(path, bytes) else path)
        return path != folder and not path.startswith(folder + "/") and path != "/dev/null"
    def hook(event, args):
        if event.startswith(refused):
            raise PermissionError("the sandbox refuses " + event)
        if event == "open" and isinstance(args[2], int) and args[2] & write and outside(args[0]):
            raise PermissionError("the sandbox refuses to write outside its folder")
        if event.startswith(changing) and any(map(outside, args)):
            raise PermissionError("the sandbox refuses to change files outside its folder")
    sys.addaudithook(hook)

try:
    code = compile(program, "<answer>", "exec", dont_inherit=True)
    if folder:
        guard(os.path.realpath(folder))
    exec(code, {"__name__": "__main__", "__builtins__": __builtins__})
    sys.stdout.flush()
except BaseException as error:
    try:
        tell({"error": type(error).__name__, "message": str(error)[:300]})
    except BaseException:
        pass
    os._exit(1)
tell({"token": token})
os._exit(0)
"""


def main(settings: dict[str, Any], verdict: int, report: int) -> None:
    """Run the program on standard input and tell on the pipe ``verdict`` how it ended."""
    os.set_inheritable(verdict, False)
    program = _starter(settings, report)
    try:
        if settings["protection"] == "namespaces":
            _leave(settings)
            first = _forked(lambda: _first_process(program))
        else:
            _prctl(_PR_SET_CHILD_SUBREAPER, 1)
            first = _forked(program)
        ended = _waited(first, settings["wall_seconds"])
        if settings["protection"] != "namespaces":
            _end_orphans()
    except OSError as error:
        ended = {"broken": f"{error.strerror} ({error.filename or ''})"}
    os.write(verdict, json.dumps(ended).encode())


def _starter(settings: dict[str, Any], report: int) -> Callable[[], None]:
    """What a fresh process does to become the program."""
    apart = settings["protection"] == "namespaces"
    folder = HOME if apart else settings["folder"]
    python = settings["python"]
    arguments = [python, "-I", "-S", "-B", "-c", RUNNER, str(report), settings["token"], "" if apart else folder]
    environment = {"HOME": folder, "TMPDIR": folder, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}

    def become() -> None:
        os.chdir(folder)
        if settings["protection"] != "same user" and os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        if apart:
            with contextlib.suppress(OSError):
                _unshare(_NEW_USER)  # processes are then counted for this run alone; its rights end with execve
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        for kind, most in settings["limits"].items():
            number = getattr(resource, kind)
            hard = resource.getrlimit(number)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(number, (most, most))
        os.set_inheritable(report, True)
        os.execve(python, arguments, environment)

    return become


def _forked(child: Callable[[], None]) -> int:
    number = os.fork()
    if number:
        return number
    try:
        child()
    except BaseException as error:  # noqa: BLE001 - a forked process must not return into its parent's code
        os.write(2, f"sandbox: {error}\n".encode())
    os._exit(120)


def _first_process(program: Callable[[], None]) -> None:
    """Process 1 of the namespace: when it ends, the kernel ends all others."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    number = _forked(program)
    while True:
        ended, status = os.wait()
        if ended == number:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def _waited(number: int, seconds: float) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return {"exit": code if code >= 0 else 128 - code}
        if time.monotonic() > until:
            os.kill(number, signal.SIGKILL)
            os.waitpid(number, 0)
            return {"time": seconds}
        time.sleep(_POLL_SECONDS)


def _end_orphans() -> None:
    """End what the program left behind; with namespaces the kernel does."""
    me = str(os.getpid())
    for _ in range(1000):  # each round ends one generation of processes that were handed to this one
        children = [number for number in os.listdir("/proc") if number.isdigit() and _parent(number) == me]
        if not children:
            return
        for number in children:
            with contextlib.suppress(OSError):
                os.kill(int(number), signal.SIGKILL)
                os.waitpid(int(number), 0)


def _parent(number: str) -> str:
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[1]
    except OSError:
        return ""


# --------------------------------------------------------------------------------------------------------- namespaces


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _unshare(flags: int) -> None:
    _checked(_libc().unshare(flags), "unshare")


def _prctl(option: int, value: int) -> None:
    _checked(_libc().prctl(option, value, 0, 0, 0), "prctl")


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    encoded = [None if one is None else one.encode() for one in (source, target, kind, data)]
    _checked(_libc().mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]), f"mount {target}")


def _leave(settings: dict[str, Any]) -> None:
    """Leave the machine's users, mounts, network and processes behind."""
    user, group = os.geteuid(), os.getegid()
    if user != 0:
        _unshare(_NEW_USER)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{NOBODY} {user} 1")
        _write("/proc/self/gid_map", f"{NOBODY} {group} 1")
    _unshare(_NEW_NS | _NEW_NET | _NEW_PID | _NEW_IPC | _NEW_UTS)
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    root = settings["folder"]
    _mount("tmpfs", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=1m,mode=755")
    for path in dict.fromkeys((*SHOWN, *settings["shown"])):
        _show(path, root)
    os.makedirs(root + HOME)
    _read_only(root)
    room = f"size={settings['folder_bytes']},nr_inodes=2000,mode=777"
    _mount("tmpfs", root + HOME, "tmpfs", _MS_NOSUID | _MS_NODEV, room)
    os.chdir(root)
    _checked(_libc().syscall(_SYS_PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
    _checked(_libc().umount2(b".", _MNT_DETACH), "umount2")
    os.chdir("/")


def _show(path: str, root: str) -> None:
    """Let ``path`` appear under the new root."""
    target = root + path
    if os.path.lexists(target) or not os.path.lexists(path):
        return
    os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
    elif os.path.isdir(path):
        os.mkdir(target, 0o755)
        _mount(path, target, None, _MS_BIND | _MS_REC)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
        _mount(path, target, None, _MS_BIND)


def _read_only(root: str) -> None:
    attributes = (ctypes.c_uint64 * 4)(_ATTR_RDONLY | _ATTR_NOSUID, 0, 0, 0)
    number = ctypes.c_long(_SYS_MOUNT_SETATTR)
    result = _libc().syscall(number, _AT_FDCWD, root.encode(), _AT_RECURSIVE, ctypes.byref(attributes), 32)
    _checked(result, "mount_setattr")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
