"""YAML that a person wrote, read without running code. A key that occurs twice is an error: most readers keep one."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.errors import InputError

if TYPE_CHECKING:
    import yaml


def read_yaml(text: str, path: Path) -> Any:
    """What a YAML file holds.

    Args:
        text: Its text.
        path: The file, for messages.

    Raises:
        InputError: it is not YAML, is nested too deeply, or has a key twice in one mapping.
    """
    import yaml

    try:
        return yaml.load(text, Loader=_strict(yaml.SafeLoader))
    except RecursionError as error:
        raise InputError(f"{path}: is nested too deeply for settings; see the docs for the keys there are.") from error
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" line {where.line + 1}" if where else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise InputError(f"{path}{line}: not valid YAML ({problem}).") from error
    except (ValueError, OverflowError, TypeError) as error:  # dates and numbers that there are none of
        raise InputError(f"{path}: a value cannot be read ({error}); correct it, or quote it.") from error


def _strict(loader: type[yaml.SafeLoader]) -> type[yaml.SafeLoader]:
    """The loader, for which a key that occurs twice is an error."""
    import yaml

    class Strict(loader):  # type: ignore[misc, valid-type]
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            own = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
            twice = next((key for place, key in enumerate(own) if key in own[:place]), None)
            if twice is not None:
                raise yaml.constructor.ConstructorError(problem=f"{twice} occurs twice", problem_mark=node.start_mark)
            mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
            return mapping

    return Strict
