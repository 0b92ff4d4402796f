"""Which int8 product is fastest on this machine, and which of ONNX Runtime's fusions are worth having?

Run:    python benchmarks/onnx_products.py --graph BUNDLE/model/backbone.onnx
Needs:  the extra `onnx`; a minute. The graph is that of a bundle that `onnx_float32` or an int8 form was taken for.

Products of the MLP of a MiniLM block (384 x 1536) with 14 and 112 rows (one short text, eight): float32; int8 with
ranges of activations measured as they come (`DynamicQuantizeMatMul`, signed weights); `MatMulInteger` with signed and
with unsigned weights; 8-bit weights in blocks of 32 (`MatMulNBits`, int8 activations). Then the graph with one text of
14 tokens and with eight, with the fusions of residual and layer norm and of bias and GELU, and without.
Measured: processor time of one thread in microseconds, the least and the median of --runs, the sides in turn.
The last line of output is one JSON object.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from bench_data import keep, machine, options
from onnx import TensorProto, helper, numpy_helper

from goldilocks.nets.backbones.graph_sessions import SLOWER_FUSIONS

ROWS = (14, 112)
INNER, OUTER = 384, 1536
BLOCK = 32


def session(graph: str | bytes, disabled: Sequence[str] = ()) -> Any:
    """A graph on one thread."""
    given = onnxruntime.SessionOptions()
    given.intra_op_num_threads, given.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(
        graph, given, providers=["CPUExecutionProvider"], disabled_optimizers=list(disabled)
    )


def product(name: str, weights: Mapping[str, Any], *, output: int = TensorProto.FLOAT, **attributes: Any) -> Any:
    """A graph of one product; the first of its inputs is ``x``."""
    domain = "" if name in ("MatMul", "MatMulInteger") else "com.microsoft"
    kind = TensorProto.UINT8 if name == "MatMulInteger" else TensorProto.FLOAT
    node = helper.make_node(name, ["x", *weights], ["y"], domain=domain, **attributes)
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("x", kind, [None, INNER])],
        [helper.make_tensor_value_info("y", output, [None, OUTER])],
        [numpy_helper.from_array(array, key) for key, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return session(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())


def products() -> dict[str, Any]:
    """Name -> a session with ``x`` (rows, INNER)."""
    draw = np.random.default_rng(0)
    signed = draw.integers(-127, 127, (INNER, OUTER)).astype(np.int8)
    scales, zeros = np.full(OUTER, 0.01, np.float32), np.zeros(OUTER, np.int8)
    blocks = draw.integers(0, 255, (OUTER, INNER // BLOCK, BLOCK)).astype(np.uint8)
    block_scales = np.full(OUTER * INNER // BLOCK, 0.01, np.float32)
    by_block = {"K": INNER, "N": OUTER, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}
    whole = {"output": TensorProto.INT32}
    return {
        "float32": product("MatMul", {"w": draw.standard_normal((INNER, OUTER)).astype(np.float32)}),
        "int8, dynamic": product("DynamicQuantizeMatMul", {"w": signed, "s": scales, "z": zeros}),
        "int8, signed weights": product("MatMulInteger", {"w": signed}, **whole),
        "int8, unsigned weights": product("MatMulInteger", {"w": signed.view(np.uint8)}, **whole),
        "8 bits in blocks": product("MatMulNBits", {"w": blocks, "s": block_scales}, **by_block),
    }


def timed(sides: Mapping[str, Callable[[], object]], runs: int) -> dict[str, dict[str, float]]:
    """Least and median processor time of each side, in microseconds."""
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(runs + 3):
        for name, run in sides.items():
            begun = time.process_time_ns()
            run()
            spent[name].append((time.process_time_ns() - begun) / 1e3)
    return {name: {"least": min(each[3:]), "median": statistics.median(each[3:])} for name, each in spent.items()}


def main() -> None:
    """Time products, then the graph."""
    parser = options(__doc__)
    parser.add_argument("--graph", type=Path)
    parser.add_argument("--runs", type=int, default=60)
    chosen = parser.parse_args()
    draw, made, result = np.random.default_rng(1), products(), {}
    for rows in ROWS:
        table = draw.standard_normal((rows, INNER)).astype(np.float32)
        whole = draw.integers(0, 255, table.shape).astype(np.uint8)
        feeds = {
            name: {"x": table if each.get_inputs()[0].type == "tensor(float)" else whole} for name, each in made.items()
        }
        result[f"products, {rows} rows"] = timed(
            {name: partial(each.run, None, feeds[name]) for name, each in made.items()}, chosen.runs
        )
    if chosen.graph is not None:
        graphs = {"fused": session(str(chosen.graph)), "not fused": session(str(chosen.graph), SLOWER_FUSIONS)}
        for texts in (1, 8):
            ids = draw.integers(1_000, 20_000, (texts, 14))
            tables = {"ids": ids, "mask": np.ones_like(ids)}
            given = {node.name: tables.get(node.name, np.zeros_like(ids)) for node in graphs["fused"].get_inputs()}
            result[f"graph, {texts} texts"] = timed(
                {name: partial(each.run, None, given) for name, each in graphs.items()}, chosen.runs
            )
    for place, sides in result.items():
        print(place, {name: round(each["least"]) for name, each in sides.items()})
    keep("onnx_products", {"benchmark": "onnx_products", "runs": chosen.runs, "microseconds": result} | machine())


if __name__ == "__main__":
    main()
