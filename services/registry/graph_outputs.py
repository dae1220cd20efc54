"""The outputs of an ONNX graph, as the contract has them: their names, ranks and types."""

import onnx
from onnx import TensorProto, helper

from services.core.signature import TensorSpec
from services.registry.graph import DATATYPES, NARROW, TYPES, replace


def fit_outputs(model: onnx.ModelProto, specs: tuple[TensorSpec, ...]) -> None:
    """Give the outputs the names, ranks and types of the specs, and drop the others.

    specs: `prediction` first, then one `probability`, or one per output. A float64 may stay float32 where the graph
    computes so. Raises ValueError when the graph gives something else.
    """
    given = list(model.graph.output)
    replace(model.graph.output, [])
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
    if any(f"{origin}{NARROW}" in node.output for node in model.graph.node):
        source, given = f"{origin}{NARROW}", TensorProto.FLOAT
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
