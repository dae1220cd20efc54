"""Repairs of an ONNX graph: casts where scikit-learn casts, and outputs as the contract has them."""

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

_NARROW = "_in_float32"


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
    _replace(model.graph.node, nodes)


def widen_after_trees(model: onnx.ModelProto) -> None:
    """Cast the scores of float64 trees to float64: the operator always gives float32, and skl2onnx declares float64."""
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        nodes.append(node)
        if node.op_type.startswith("TreeEnsemble") and _in_float64(node):
            scores = node.output[-1]
            node.output[-1] = f"{scores}{_NARROW}"
            nodes.append(helper.make_node("Cast", [node.output[-1]], [scores], to=TensorProto.DOUBLE))
    _replace(model.graph.node, nodes)


def _in_float64(node: onnx.NodeProto) -> bool:
    return any(attribute.name == "nodes_values_as_tensor" for attribute in node.attribute)


def rename_inputs(model: onnx.ModelProto, names: list[str]) -> None:
    """Give the inputs these names, in order; skl2onnx replaces what is not a letter, a digit or an underscore."""
    if len(names) != len(model.graph.input):
        raise ValueError(f"the graph has {len(model.graph.input)} inputs, and {len(names)} were expected")
    new = {value.name: name for value, name in zip(model.graph.input, names, strict=True)}
    for node in model.graph.node:
        _replace(node.input, [new.get(source, source) for source in node.input])
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
        _replace(node.input, [cast.output[0] if source == name else source for source in node.input])
    value.type.tensor_type.elem_type = TYPES[datatype]
    _replace(model.graph.node, [cast, *model.graph.node])


def join_inputs(model: onnx.ModelProto, specs: tuple[TensorSpec, ...]) -> None:
    """Replace the one matrix that a graph takes by columns, which are cast and joined to it."""
    matrix = model.graph.input[0]
    number = matrix.type.tensor_type.elem_type
    casts = [helper.make_node("Cast", [spec.name], [f"{spec.name}_cast"], to=number) for spec in specs]
    join = helper.make_node("Concat", [cast.output[0] for cast in casts], [matrix.name], axis=1)
    _replace(model.graph.node, [*casts, join, *model.graph.node])
    inputs = [helper.make_tensor_value_info(spec.name, TYPES[spec.datatype], ["rows", 1]) for spec in specs]
    _replace(model.graph.input, inputs)


def fit_outputs(model: onnx.ModelProto, specs: tuple[TensorSpec, ...]) -> None:
    """Give the outputs the names, ranks and types of the specs, and drop the others.

    specs: `prediction` first, then one `probability`, or one per output. A float64 may stay float32 where the graph
    computes so. Raises ValueError when the graph gives something else.
    """
    given = list(model.graph.output)
    _replace(model.graph.output, [])
    _fit(model, given[0].name, given[0].type.tensor_type.elem_type, specs[0])
    tables = specs[1:]
    if tables and len(given) < 2:
        raise ValueError("the graph has no probabilities")
    if len(tables) == 1 and tables[0].name == "probability":
        _fit(model, given[1].name, given[1].type.tensor_type.elem_type, tables[0])
        return
    for index, spec in enumerate(tables):
        _fit(model, *_table(model, given[1], index, spec), spec)


def _fit(model: onnx.ModelProto, source: str, given: int, spec: TensorSpec) -> None:
    """Append the nodes that turn a tensor into an output of this spec."""
    origin = _origin(model, source)
    if any(f"{origin}{_NARROW}" in node.output for node in model.graph.node):
        source, given = f"{origin}{_NARROW}", TensorProto.FLOAT
    wanted = TYPES[spec.datatype]
    if given == TensorProto.FLOAT and wanted == TensorProto.DOUBLE:
        wanted = given
    if (given == TensorProto.STRING) != (wanted == TensorProto.STRING):
        raise ValueError(f"the graph gives {DATATYPES[given]}, and {spec.datatype} was expected")
    shape = _constant(model, f"{spec.name}_shape", list(spec.shape))
    if given == wanted:
        model.graph.node.append(helper.make_node("Reshape", [source, shape], [spec.name]))
    else:
        model.graph.node.append(helper.make_node("Reshape", [source, shape], [f"{spec.name}_uncast"]))
        model.graph.node.append(helper.make_node("Cast", [f"{spec.name}_uncast"], [spec.name], to=wanted))
    dims = ["rows" if size == -1 else size for size in spec.shape]
    model.graph.output.append(helper.make_tensor_value_info(spec.name, wanted, dims))


def _origin(model: onnx.ModelProto, name: str) -> str:
    """Follow Identity nodes back to where a tensor is computed."""
    sources = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Identity"}
    while name in sources:
        name = sources[name]
    return name


def _table(model: onnx.ModelProto, given: onnx.ValueInfoProto, index: int, spec: TensorSpec) -> tuple[str, int]:
    """Append the nodes that take one output's probabilities out of a sequence, or a tensor (outputs, rows, classes)."""
    name = f"{spec.name}_all"
    at = _constant(model, f"{spec.name}_index", index)
    if given.type.HasField("sequence_type"):
        model.graph.node.append(helper.make_node("SequenceAt", [given.name, at], [name]))
        return name, given.type.sequence_type.elem_type.tensor_type.elem_type
    number = given.type.tensor_type.elem_type
    if len(given.type.tensor_type.shape.dim) == 2:
        return _both_classes(model, given.name, spec.name, index, number), number
    model.graph.node.append(helper.make_node("Gather", [given.name, at], [f"{name}_classes"], axis=0))
    bounds = {"start": 0, "end": spec.shape[1], "axis": 1}
    ends = [_constant(model, f"{spec.name}_{word}", [bound]) for word, bound in bounds.items()]
    model.graph.node.append(helper.make_node("Slice", [f"{name}_classes", *ends], [name]))
    return name, number


def _both_classes(model: onnx.ModelProto, source: str, name: str, index: int, number: int) -> str:
    """Append the nodes that make [1 - p, p] of one label's column of P(1)."""
    one = f"{name}_one"
    model.graph.initializer.append(helper.make_tensor(one, number, [], [1.0]))
    column = _constant(model, f"{name}_column", [index])
    model.graph.node.append(helper.make_node("Gather", [source, column], [f"{name}_positive"], axis=1))
    model.graph.node.append(helper.make_node("Sub", [one, f"{name}_positive"], [f"{name}_negative"]))
    parts = [f"{name}_negative", f"{name}_positive"]
    model.graph.node.append(helper.make_node("Concat", parts, [f"{name}_both"], axis=1))
    return f"{name}_both"


def _constant(model: onnx.ModelProto, name: str, value: int | list[int]) -> str:
    dims = [] if isinstance(value, int) else [len(value)]
    values = [value] if isinstance(value, int) else value
    model.graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, dims, values))
    return name


def finished(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph without what no output needs, and with one entry per operator set, checked."""
    _prune(model)
    versions: dict[str, int] = {}
    for entry in model.opset_import:
        versions[entry.domain] = max(entry.version, versions.get(entry.domain, 1))
    _replace(model.opset_import, [helper.make_opsetid(domain, version) for domain, version in versions.items()])
    onnx.checker.check_model(model)
    return model


def _prune(model: onnx.ModelProto) -> None:
    needed = {output.name for output in model.graph.output}
    nodes: list[onnx.NodeProto] = []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            nodes.insert(0, node)
            needed.update(_reads(node))
    _replace(model.graph.node, nodes)
    _replace(model.graph.initializer, [value for value in model.graph.initializer if value.name in needed])


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


def _replace(field: object, values: Sequence[object]) -> None:
    """Put other values into a repeated field of a protobuf message."""
    del field[:]  # type: ignore[attr-defined]
    field.extend(values)  # type: ignore[attr-defined]
