"""ONNX graphs that compute in float16, for GPUs: half the memory traffic, and tensor cores."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.inference.network import METADATA_KEY, Network
from annotator.photos.atomic_files import whole_file
from model.parity import ExportError, Parity, compare
from model.presets import TAPS

if TYPE_CHECKING:
    import onnx

PRECISION = "float16"
KEPT_INPUTS = {"Resize": (1, 2)}
"""Inputs, by operation and place, that stay as they are: ONNX has the scales of a ``Resize`` in float32 only."""


def to_float16(proto: onnx.ModelProto, float32_nodes: Collection[str] = ()) -> None:
    """Make a float32 graph compute in float16, in place. Outputs of nodes that now do are float16, too.

    ONNX Runtime's own converter casts before and after every node that stays in float32; here a tensor is cast once,
    where it leaves one kind of nodes for the other.

    Args:
        proto: its weights are float32, or float16 with a cast.
        float32_nodes: names of nodes that go on computing in float32.
    """
    from onnx import TensorProto, helper, numpy_helper, shape_inference

    _fold_weight_casts(proto)
    graph = proto.graph
    typed = shape_inference.infer_shapes(proto).graph
    floats = {
        of.name
        for of in (*typed.value_info, *typed.input, *typed.output)
        if of.type.tensor_type.elem_type == TensorProto.FLOAT
    }
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    halves: set[str] = set()
    """Tensors that float16 nodes give."""
    nodes, weights = [], {}

    def read_as(name: str, half: bool) -> str:
        """The name under which a node reads a tensor; its cast, or half the weight, is made where there is none yet."""
        if name in arrays:
            half &= arrays[name].dtype == np.float32
            array = arrays[name].astype(np.float16) if half else arrays[name]
            new = f"{name}_half" if half else name
            weights[new] = numpy_helper.from_array(array, new)
            return new
        if name not in floats or (name in halves) == half:
            return name
        new = f"{name}_{'half' if half else 'float'}"
        if new not in made:
            made.add(new)
            kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
            nodes.append(helper.make_node("Cast", [name], [new], new, to=kind))
        return new

    made: set[str] = set()
    for node in graph.node:
        half = node.name not in float32_nodes
        kept = KEPT_INPUTS.get(node.op_type, ())
        for i, name in enumerate(node.input):
            if name:
                node.input[i] = read_as(name, half and i not in kept)
        if half:
            _make_attributes_half(node)
            halves.update(name for name in node.output if name in floats)
        nodes.append(node)
    nodes = [*map(_copy, nodes)]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(weights.values())
    for output in graph.output:
        if output.name in halves:
            output.type.tensor_type.elem_type = TensorProto.FLOAT16


def convert(source: Path, target: Path, images: np.ndarray) -> Parity:
    """Write a network's ONNX file anew so that it computes in float16, and check it against the one there is.

    Args:
        source: a network as :func:`model.export.export_onnx` writes it, in another precision.
        target: appears only if the check passes.
        images: uint8 [N, side, side, 3] real images for the check.

    Raises:
        ModelError: the source cannot be used.
        ExportError: it computes in float16 already, or the two differ by more than :data:`~model.parity.LIMITS`.
    """
    import onnx

    network = Network(source, "cpu")
    if network.info.precision == PRECISION:
        raise ExportError(f"{source}: computes in float16 already")
    proto = onnx.load(source)
    to_float16(proto, backbone_nodes(proto))
    info = dataclasses.replace(network.info, precision=PRECISION)
    onnx.helper.set_model_props(proto, {METADATA_KEY: json.dumps(dataclasses.asdict(info))})
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as temporary:
        onnx.save(proto, temporary)
        maps = [model.run(images) for model in (network, Network(temporary, "cpu"))]
        parity = compare(*({name: getattr(of, name) for name in of.__slots__} for of in maps))
        parity.check(PRECISION)
    return parity


def backbone_nodes(proto: onnx.ModelProto) -> set[str]:
    """The nodes of a cascade that stay in float32: its backbone has few of the operations and causes most of the error."""
    for taps in TAPS.values():
        with suppress(ValueError):
            return nodes_before(proto, taps[32])
    raise ValueError(f"the graph has none of the backbones {', '.join(TAPS)}")


def nodes_before(proto: onnx.ModelProto, layer: str) -> set[str]:
    """The names of the nodes from which the output of a layer of the Keras model is computed, and of its own.

    Raises:
        ValueError: there is no such layer.
    """
    # Batch norm that is folded into a convolution is left in the names of its weights.
    of_layer = re.compile(rf"/{layer}(_\d+)?/")
    maker = {name: node for node in proto.graph.node for name in node.output}
    waiting = [
        node
        for node in proto.graph.node
        if any(
            of_layer.search(name)
            for name in (*node.input, *node.output)
            if name not in maker or name in node.output
        )
    ]
    if not waiting:
        raise ValueError(f"the graph has no layer {layer}")
    found = set()
    while waiting:
        node = waiting.pop()
        if node.name not in found:
            found.add(node.name)
            waiting += [maker[name] for name in node.input if name in maker]
    return found


def _fold_weight_casts(proto: onnx.ModelProto) -> None:
    """Weights in place of the casts of weights, see :func:`model.onnx_graph.store_in_half`."""
    from onnx import TensorProto, numpy_helper

    graph = proto.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes = []
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in weights and node.attribute[0].i == TensorProto.FLOAT:
            weight = weights[node.input[0]]
            array = numpy_helper.to_array(weight).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(array, node.output[0]))
        else:
            nodes.append(_copy(node))
    del graph.node[:]
    graph.node.extend(nodes)


def _make_attributes_half(node: onnx.NodeProto) -> None:
    from onnx import TensorProto, numpy_helper

    for attribute in node.attribute:
        if attribute.name == "to" and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.FLOAT16
        elif attribute.t.data_type == TensorProto.FLOAT:
            array = numpy_helper.to_array(attribute.t).astype(np.float16)
            attribute.t.CopyFrom(numpy_helper.from_array(array, attribute.t.name))


def _copy(node: onnx.NodeProto) -> onnx.NodeProto:
    """A node that outlives the graph's list."""
    copy = type(node)()
    copy.CopyFrom(node)
    return copy
