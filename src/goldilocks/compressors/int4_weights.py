"""4-bit weights of Llama-style decoders: a scale and a zero point for each 32 of them, tables in 8 bits.

The file shrinks to about a third of bfloat16 where the blocks hold most of the weights; in memory these are held twice,
as stored and in the kernel's layout. Generation is bound by memory and becomes faster; prompts do not, since there the
matrices are dequantised and multiplied as usual. Activations have the checkpoint's precision; in float32, which torch's
kernels are slow in, all products are with dequantised matrices.
"""

from __future__ import annotations

from functools import partial

from goldilocks.compressors._shared import quantised_weights

KIND = "quantise"
ENGINE = "native"
LEVELS = (1.0,)
SOURCE = (
    "Q4_1 of GGUF (llama.cpp): groups of 32 with scale and minimum; here the range is searched as well; "
    "products by torch's weight-only kernels."
)

incompatibility = quantised_weights.incompatibility
compress = partial(quantised_weights.compress, bits=4)
