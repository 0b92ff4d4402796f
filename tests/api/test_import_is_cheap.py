"""Importing the package, and asking for help, loads no heavy library."""

import subprocess
import sys

import pytest

HEAVY = "{'torch', 'transformers', 'sklearn', 'scipy', 'pyarrow', 'httpx2'}"


@pytest.mark.parametrize("module", ["goldilocks", "goldilocks.plugins", "goldilocks.settings", "goldilocks.cli.main"])
def test_module_loads_without_heavy_libraries(module: str) -> None:
    code = f"import sys, {module}; print(sorted({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_public_names_are_there_and_a_wrong_one_is_answered() -> None:
    import goldilocks

    assert "Generation" in goldilocks.__all__
    for name in goldilocks.__all__:
        assert getattr(goldilocks, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'slect'; it has: "):
        goldilocks.slect  # noqa: B018
