"""Linear layers with trained additions: a frozen layer is replaced by a module that holds it, and merged back later.

LoRA, DoRA, AdaLoRA, IA3 and bottleneck adapters are subclasses. Ours rather than peft's: importing peft (and with it
transformers) takes 5 s, these take none; their numbers are tested against peft's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn


class WrappedLinear(nn.Module):
    """A frozen linear layer, or a ``Conv1D`` of GPT-2, whose matrix is transposed; subclasses add to it."""

    mergeable = True
    """Whether ``merged`` gives the same function as a plain layer."""

    def __init__(self, base: nn.Module) -> None:
        """Wrap and freeze ``base``."""
        super().__init__()
        self.base = base.requires_grad_(False)
        self.transposed = not isinstance(base, nn.Linear)

    @property
    def weight(self) -> Tensor:
        """The frozen matrix (some models ask a layer for its weight's type)."""
        return self.base.get_parameter("weight")

    @property
    def bias(self) -> Tensor | None:
        """The frozen bias."""
        return getattr(self.base, "bias", None)

    @property
    def inputs(self) -> int:
        """Width of the input."""
        return self.weight.shape[0 if self.transposed else 1]

    @property
    def outputs(self) -> int:
        """Width of the output."""
        return self.weight.shape[1 if self.transposed else 0]

    def merged(self) -> nn.Module:
        """The same function as one layer; ``base`` is changed in place. Only where it is ``mergeable``."""
        raise NotImplementedError


def is_linear(layer: nn.Module) -> bool:
    """Whether a layer can be wrapped; transformers' ``Conv1D`` is recognised by its name, to avoid importing it."""
    conv1d = type(layer).__name__ == "Conv1D" and type(layer).__module__ == "transformers.pytorch_utils"
    return isinstance(layer, nn.Linear) or conv1d


def wrap(module: nn.Module, names: Sequence[str], make: Callable[[str, nn.Module], nn.Module]) -> int:
    """Replace the linear layers among ``names`` (submodules of ``module``) by ``make(name, layer)``; their number."""
    count = 0
    for name in names:
        layer = module.get_submodule(name)
        if is_linear(layer):
            _replace(module, name, make(name, layer))
            count += 1
    return count


def merge(module: nn.Module) -> None:
    """Put plain linear layers back wherever mergeable ones were wrapped."""
    wrapped = [(name, layer) for name, layer in module.named_modules() if isinstance(layer, WrappedLinear)]
    for name, layer in wrapped:
        if layer.mergeable:
            _replace(module, name, layer.merged())


def _replace(module: nn.Module, name: str, new: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(module.get_submodule(parent), child, new)
