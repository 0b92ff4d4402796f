"""System calls that no program needs to be judged: refused by the kernel, where libseccomp is installed.

The list names what reaches beyond a process (other processes, mounts, namespaces, the kernel, the network) and what has
often been a way out of a sandbox; everything else stays allowed. Standard library only: run inside the sandbox.
"""

from __future__ import annotations

import ctypes
import errno

LIBRARY = "libseccomp.so.2"
REFUSED = (
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp"),
    *("mount", "umount2", "pivot_root", "chroot", "setns", "unshare", "move_mount", "open_tree", "fsopen", "fsmount"),
    *("fsconfig", "fspick", "mount_setattr", "open_by_handle_at", "name_to_handle_at", "fanotify_init", "quotactl"),
    *("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("add_key", "request_key", "keyctl", "init_module", "finit_module", "delete_module", "kexec_load"),
    *("kexec_file_load", "reboot", "swapon", "swapoff", "acct", "syslog", "personality", "modify_ldt", "iopl"),
    *("ioperm", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname"),
    *("shmget", "msgget", "memfd_create", "memfd_secret"),  # memory that no process holds
    *("vmsplice", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "sendmmsg"),
)
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_AF_UNIX = 1
_CLONE_NEWUSER = 0x10000000
_NOT_EQUAL, _MASKED_EQUAL = 1, 7


class _Comparison(ctypes.Structure):
    """``struct scmp_arg_cmp``."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def installed() -> bool:
    """Whether there is a libseccomp to load."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


def load() -> bool:
    """Apply the filter to this process and all that it starts, for good; ``False`` without libseccomp.

    The process must have given up gaining privileges (``PR_SET_NO_NEW_PRIVS``).

    Raises:
        OSError: the kernel refuses filters.
    """
    return _with_filter(lambda library, context: int(library.seccomp_load(context)))


def write_filter(number: int) -> bool:
    """Write the filter as a program of the kernel's (BPF) to an open file; ``False`` without libseccomp."""
    return _with_filter(lambda library, context: int(library.seccomp_export_bpf(context, number)))


def _with_filter(use: object) -> bool:
    try:
        library = ctypes.CDLL(LIBRARY, use_errno=True)
    except OSError:
        return False
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_ALLOW)))
    if not context:
        return False
    try:
        for name in REFUSED:
            _refuse(library, context, name)
        _refuse(library, context, "socket", _Comparison(0, _NOT_EQUAL, _AF_UNIX, 0))
        _refuse(library, context, "clone", _Comparison(0, _MASKED_EQUAL, _CLONE_NEWUSER, _CLONE_NEWUSER))
        # Its flags are in memory, which a filter cannot read: C libraries fall back to clone.
        _refuse(library, context, "clone3", number=errno.ENOSYS)
        result = use(library, context)  # type: ignore[operator]
        if result < 0:
            raise OSError(-result, "seccomp")
    finally:
        library.seccomp_release(context)
    return True


def _refuse(
    library: ctypes.CDLL,
    context: ctypes.c_void_p,
    name: str,
    *only: _Comparison,
    number: int = errno.EPERM,
) -> None:
    call = library.seccomp_syscall_resolve_name(name.encode())
    if call < 0:  # not a call of this architecture, or newer than the library
        return
    action = ctypes.c_uint32(_ERRNO | number)
    comparisons = (_Comparison * max(1, len(only)))(*only)
    library.seccomp_rule_add_array(context, action, call, ctypes.c_uint(len(only)), comparisons)
