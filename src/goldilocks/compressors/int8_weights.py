"""8-bit weights of Llama-style decoders: a scale for each output channel.

The file and the memory shrink to about half of bfloat16. Generation is bound by memory and becomes faster; prompts do
not, since there the matrices are dequantised and multiplied as usual. Activations have the checkpoint's precision; in
float32, which torch's kernels are slow in, all products are with dequantised matrices.
"""

from __future__ import annotations

from functools import partial

from goldilocks.compressors._shared import quantised_weights

KIND = "quantise"
ENGINE = "native"
LEVELS = (1.0,)
SOURCE = (
    "Dettmers et al. 2022, LLM.int8(), section 2.1 (absmax, a scale for each row), for weights only; "
    "products by torch's weight-only kernels."
)

incompatibility = quantised_weights.incompatibility
compress = partial(quantised_weights.compress, bits=8)
