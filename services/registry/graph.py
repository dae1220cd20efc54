"""Repairs of an ONNX graph: casts where scikit-learn casts, inputs as the signature has them, and nothing left over."""

from collections.abc import Sequence

import onnx
from onnx import TensorProto, helper

from services.core.signature import TensorSpec

TYPES: dict[str, int] = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}
DATATYPES: dict[int, str] = {number: name for name, number in TYPES.items()}

# Nodes that hand values on without computing with them.
_TRANSPARENT = frozenset(
    {"Identity", "Concat", "ArrayFeatureExtractor", "Gather", "Reshape", "Slice", "Squeeze", "Split"}
)

# Ends the name of a tensor that `widen_after_trees` casts to float64.
NARROW = "_in_float32"


def cast_before_trees(model: onnx.ModelProto) -> None:
    """Cast to float32 before every ensemble of trees whose thresholds are float32.

    scikit-learn casts its input so before it descends; onnxruntime compares a float64 value as it is, and takes
    another branch for the values between a threshold and its float32 neighbour.
    """
    nodes: list[onnx.NodeProto] = []
    casts: dict[str, str] = {}
    for node in model.graph.node:
        if node.op_type.startswith("TreeEnsemble") and not _in_float64(node):
            source = node.input[0]
            if source not in casts:
                casts[source] = f"{source}_float32"
                nodes.append(helper.make_node("Cast", [source], [casts[source]], to=TensorProto.FLOAT))
            node.input[0] = casts[source]
        nodes.append(node)
    replace(model.graph.node, nodes)


def widen_after_trees(model: onnx.ModelProto) -> None:
    """Cast the scores of float64 trees to float64: the operator always gives float32, and skl2onnx declares float64."""
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        nodes.append(node)
        if node.op_type.startswith("TreeEnsemble") and _in_float64(node):
            scores = node.output[-1]
            node.output[-1] = f"{scores}{NARROW}"
            nodes.append(helper.make_node("Cast", [node.output[-1]], [scores], to=TensorProto.DOUBLE))
    replace(model.graph.node, nodes)


def _in_float64(node: onnx.NodeProto) -> bool:
    return any(attribute.name == "nodes_values_as_tensor" for attribute in node.attribute)


def rename_inputs(model: onnx.ModelProto, names: list[str]) -> None:
    """Give the inputs these names, in order; skl2onnx replaces what is not a letter, a digit or an underscore."""
    if len(names) != len(model.graph.input):
        raise ValueError(f"the graph has {len(model.graph.input)} inputs, and {len(names)} were expected")
    new = {value.name: name for value, name in zip(model.graph.input, names, strict=True)}
    for node in model.graph.node:
        replace(node.input, [new.get(source, source) for source in node.input])
    for value in model.graph.input:
        value.name = new[value.name]


def cast_input(model: onnx.ModelProto, name: str, datatype: str) -> None:
    """Let an input be of this datatype, and cast it to the one that the graph was converted for."""
    value = next(value for value in model.graph.input if value.name == name)
    converted_for = value.type.tensor_type.elem_type
    if converted_for == TYPES[datatype]:
        return
    cast = helper.make_node("Cast", [name], [f"{name}_cast"], to=converted_for)
    for node in model.graph.node:
        replace(node.input, [cast.output[0] if source == name else source for source in node.input])
    value.type.tensor_type.elem_type = TYPES[datatype]
    replace(model.graph.node, [cast, *model.graph.node])


def join_inputs(model: onnx.ModelProto, specs: tuple[TensorSpec, ...]) -> None:
    """Replace the one matrix that a graph takes by columns, which are cast and joined to it."""
    matrix = model.graph.input[0]
    number = matrix.type.tensor_type.elem_type
    casts = [helper.make_node("Cast", [spec.name], [f"{spec.name}_cast"], to=number) for spec in specs]
    join = helper.make_node("Concat", [cast.output[0] for cast in casts], [matrix.name], axis=1)
    replace(model.graph.node, [*casts, join, *model.graph.node])
    inputs = [helper.make_tensor_value_info(spec.name, TYPES[spec.datatype], ["rows", 1]) for spec in specs]
    replace(model.graph.input, inputs)


def finished(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph without what no output needs, and with one entry per operator set, checked."""
    _prune(model)
    versions: dict[str, int] = {}
    for entry in model.opset_import:
        versions[entry.domain] = max(entry.version, versions.get(entry.domain, 1))
    replace(model.opset_import, [helper.make_opsetid(domain, version) for domain, version in versions.items()])
    onnx.checker.check_model(model)
    return model


def _prune(model: onnx.ModelProto) -> None:
    needed = {output.name for output in model.graph.output}
    nodes: list[onnx.NodeProto] = []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            nodes.insert(0, node)
            needed.update(_reads(node))
    replace(model.graph.node, nodes)
    replace(model.graph.initializer, [value for value in model.graph.initializer if value.name in needed])


def _reads(node: onnx.NodeProto) -> set[str]:
    """Return what a node reads, and the graphs inside it, which see the names around them."""
    inner = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    return set(node.input).union(*(_reads(part) for graph in inner for part in graph.node))


def narrowed_inputs(model: onnx.ModelProto) -> frozenset[str]:
    """Return the inputs that the graph casts from float64 to float32 before it computes with them."""
    origins = {value.name: {value.name} for value in model.graph.input}
    narrowed: set[str] = set()
    for node in model.graph.node:
        reached = set().union(*(origins.get(source, set()) for source in node.input))
        if node.op_type in _TRANSPARENT:
            origins.update(dict.fromkeys(node.output, reached))
        elif node.op_type == "Cast" and node.attribute[0].i == TensorProto.FLOAT:
            narrowed |= reached
    return frozenset(narrowed)


def replace(field: object, values: Sequence[object]) -> None:
    """Put other values into a repeated field of a protobuf message."""
    del field[:]  # type: ignore[attr-defined]
    field.extend(values)  # type: ignore[attr-defined]
