"""Whether an error says that memory did not suffice; torch is asked only where it is loaded already."""

from __future__ import annotations

import sys


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means too little memory, of the processor or of an accelerator.

    Example:
        >>> out_of_memory(MemoryError()), out_of_memory(RuntimeError("shapes differ"))
        (True, False)
    """
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(error, RuntimeError):
        return False
    # On a CPU torch says it in a plain RuntimeError (c10/core/impl/alloc_cpu.cpp).
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator: can't allocate memory" in str(error)
