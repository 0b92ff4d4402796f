"""torch.compile (Inductor): the family's own network with its blocks compiled for this processor.

Compiling takes a minute when the model is loaded for the first time on a machine; what was compiled is kept in the
cache folder. The code is compiled here, so a C++ compiler must be installed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from goldilocks import plugins
from goldilocks.errors import MissingError
from goldilocks.protocols import Model

EXTRA = ""
SYSTEM_PACKAGES: tuple[str, ...] = ("g++",)
READS = "native"
_COMPILERS = ("c++", "g++", "clang++")


def unavailable() -> str | None:
    """See ``protocols.Engine``."""
    named = os.environ.get("CXX")
    if any(shutil.which(compiler) for compiler in ((named,) if named else _COMPILERS)):
        return None
    return "there is no C++ compiler, which torch.compile needs: install g++ or clang++, or set CXX"


def incompatibility(model: Model) -> str | None:
    """See ``protocols.ReadsFolders``."""
    if not hasattr(model, "module"):
        return "it is not a neural network"
    from goldilocks.nets.compiled import not_compilable
    from goldilocks.nets.network import Network

    return not_compilable(model) if isinstance(model, Network) else "its network was built elsewhere"


def load(folder: Path, family: str) -> Model:
    """See ``protocols.Engine``.

    Raises:
        MissingError: there is no C++ compiler.
    """
    reason = unavailable()
    if reason:
        raise MissingError(f"{folder}: {reason}")
    from goldilocks.nets.compiled import compile_blocks
    from goldilocks.nets.network import Network

    model = plugins.load("families", family).restore(folder)
    assert isinstance(model, Network)
    compile_blocks(model)
    return model
