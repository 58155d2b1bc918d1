"""The graph around a network in ``model_full.onnx``: from raw intensities to the network, and from it to classes.

It holds the formulas of :mod:`monai_lwmisn.light.normalisation`, in the operators of ONNX.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import onnx_ir as ir

from monai_lwmisn.light.facts import IMAGE, LABELS, LOGITS, PROBABILITIES, SLICES, STATISTICS, Facts
from monai_lwmisn.light.normalisation import Invert, Range, Standard, Step, from_facts

LARGEST_END = 2**62
"""The end of an axis, whatever its length."""

ROWS = (0, 2, 3)
"""Axes over which the statistics of each channel go, in a batch (1, channel, x, y)."""

ROUNDING = 2e-6
"""Share by which a value is above another beyond rounding, which is not the same in all engines."""

__all__ = ["surround"]


def surround(graph: ir.Graph, facts: Facts) -> None:
    """Put all that is around a network into its graph.

    Args:
        graph: of the network, from images (B, C, H, W) to logits. It is changed.
        facts: what the network takes and gives.
    """
    (image,), (logits,) = graph.inputs, graph.outputs
    logits.name = "network_logits"
    before, after = _Operators(), _Operators()
    steps = from_facts(facts.normalisation)
    if facts.volumetric:
        inputs, batch, plane = _slices(before, facts, steps)
    else:
        inputs, batch, plane = _picture(before, facts, steps)
    image.replace_all_uses_with(_with_mirror_images(before, batch, facts.flips))
    outputs = _outputs(after, _mean_of_mirror_images(after, logits, facts.flips), plane, facts)
    graph.inputs[:] = inputs
    graph.outputs[:] = outputs
    first = graph.node(0)
    graph.insert_before(first, before.tape.nodes)
    graph.extend(after.tape.nodes)
    for value in (*before.tape.initializers, *after.tape.initializers):
        graph.register_initializer(value)
        if value.name == STATISTICS:
            graph.inputs.append(value)
    for number, value in enumerate(one for node in graph for one in node.outputs):
        if value.name is None:
            value.name = f"value_{number}"


class _Operators:
    """Operators of ONNX as functions of values; numbers become constants."""

    def __init__(self) -> None:
        self.tape = ir.tape.Tape()
        self._constants: dict[Any, ir.Value] = {}

    def __call__(self, operator: str, *inputs: Any, **attributes: Any) -> ir.Value:
        """Add an operator, and return its first output."""
        values = [one if one is None or isinstance(one, ir.Value) else self.constant(one) for one in inputs]
        return self.tape.op(operator, values, attributes)

    def constant(self, number: Any) -> ir.Value:
        """A constant: whole numbers are int64, others float32."""
        array = np.asarray(number)
        array = array.astype(np.int64 if array.dtype.kind in "iu" else np.float32)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"constant_{id(self)}_{len(self._constants)}"
            self._constants[key] = self.tape.initializer(ir.tensor(array, name=name), name)
        return self._constants[key]

    def top_k(self, values: ir.Value, count: ir.Value, largest: bool) -> ir.Value:
        """The largest or smallest values of each row, in order."""
        return self.tape.op_multi_out("TopK", [values, count], {"largest": int(largest), "axis": 1}, num_outputs=2)[0]

    def part(self, values: ir.Value, axis: int, start: int, end: int, step: int = 1) -> ir.Value:
        """A slice of an axis."""
        return self("Slice", values, [start], [end], [axis], [step])

    def length(self, values: ir.Value, axis: int) -> ir.Value:
        """The length of an axis, (1,) int64."""
        return self.tape.op("Shape", [values], {"start": axis, "end": axis + 1})


def _input(name: str, kind: ir.DataType, *shape: int | str) -> ir.Value:
    return ir.Value(name=name, type=ir.TensorType(kind), shape=ir.Shape(shape))


def _picture(op: _Operators, facts: Facts, steps: list[Step]) -> tuple[list[ir.Value], ir.Value, ir.Value]:
    """The inputs of a picture, the batch (1, channel, x, y) for the network, and the size (x, y) of the picture."""
    image = _input(IMAGE, ir.DataType.FLOAT, "height", "width", "channels")
    values = image
    if facts.in_channels == 3:  # grey is repeated, and alpha is left out
        values = op("Expand", op.part(values, 2, 0, 3), [1, 1, 3])
    batch = op("Unsqueeze", op("Transpose", values, perm=[2, 1, 0]), [0])
    plane = op("Shape", batch, start=2)
    if not (steps and _is_relative(steps[0])):
        batch = _as_8_bits(op, batch)
    batch = _resized(op, batch, facts)
    given = _given_statistics(op, facts, steps)
    for step in steps:
        found = _statistics(op, step, batch)
        batch = _apply(op, step, batch, [_unless_given(op, number, next(given)) for number in found])
    return [image], batch, plane


def _slices(op: _Operators, facts: Facts, steps: list[Step]) -> tuple[list[ir.Value], ir.Value, ir.Value]:
    """The inputs of slices, the batch for the network, and the size (x, y) of the slices."""
    channels = facts.in_channels * facts.slices
    batch = _input(SLICES, ir.DataType.FLOAT, "slices", channels, "x", "y")
    inputs, first = [batch], 0
    count = sum(step.numbers * (facts.in_channels if step.channel_wise else 1) for step in steps)
    statistics = _input(STATISTICS, ir.DataType.FLOAT, count)
    if count:
        inputs.append(statistics)
    plane = op("Shape", batch, start=2)
    batch = _resized(op, batch, facts)
    for step in steps:
        rows = facts.in_channels if step.channel_wise else 1
        numbers = []
        for number in range(step.numbers):
            one = op.part(statistics, 0, first + number, first + rows * step.numbers, step.numbers)
            if step.channel_wise and facts.slices > 1:
                one = op("Tile", one, [facts.slices])
            numbers.append(op("Reshape", one, [1, -1, 1, 1]))
        batch = _apply(op, step, batch, numbers)
        first += rows * step.numbers
    return inputs, batch, plane


def _given_statistics(op: _Operators, facts: Facts, steps: list[Step]) -> Iterator[ir.Value]:
    """The statistics of a whole picture, for who gives a part of it: an input that may be left out, NaN then."""
    counts = [facts.in_channels if step.channel_wise else 1 for step in steps]
    total = sum(count * step.numbers for count, step in zip(counts, steps, strict=True))
    if total:
        default = np.full(total, np.nan, dtype=np.float32)
        statistics = op.tape.initializer(ir.tensor(default, name=STATISTICS), STATISTICS)
    first = 0
    for count, step in zip(counts, steps, strict=True):
        for number in range(step.numbers):
            yield op.part(statistics, 0, first + number, first + count * step.numbers, step.numbers)
        first += count * step.numbers


def _unless_given(op: _Operators, found: ir.Value, given: ir.Value) -> ir.Value:
    """What is given, or what was found where that is NaN.

    The choice is made by a slice of both: with the operator Where, OpenVINO would write what it finds in one picture
    into the default, and take it for the next.
    """
    row = op("Reshape", found, [-1])
    count = op("Shape", row)
    is_missing = op("Cast", op("IsNaN", op.part(given, 0, 0, 1)), to=ir.DataType.INT64)
    start = op("Mul", is_missing, count)
    chosen = op("Slice", op("Concat", given, row, axis=0), start, op("Add", start, count), [0])
    return op("Reshape", chosen, [1, -1, 1, 1])


def _is_relative(step: Step) -> bool:
    """Whether a step gives the same for an image that is scaled and shifted."""
    if isinstance(step, Range):
        return step.low is None
    return isinstance(step, Standard) and step.mean is None and step.deviation is None and not step.nonzero


def _as_8_bits(op: _Operators, batch: ir.Value) -> ir.Value:
    """Bring a picture of more than 8 bits to 0..255, as its reader does where the file does not name a white."""
    low = op("Min", op("ReduceMin", batch), 0.0)
    high = op("Max", op("ReduceMax", batch), 0.0)
    is_deep = op("Or", op("Greater", high, 255.0), op("Less", low, 0.0))
    extent = op("Max", op("Sub", high, low), 1e-30)
    return op("Where", is_deep, op("Mul", op("Sub", batch, low), op("Div", 255.0, extent)), batch)


def _resized(op: _Operators, batch: ir.Value, facts: Facts) -> ir.Value:
    """The batch at the size of the network."""
    if facts.resize is None:
        return batch
    shape = op("Shape", batch)
    plane = op.part(shape, 0, 2, 4)
    if isinstance(facts.resize, int):
        lengths = op("Cast", plane, to=ir.DataType.FLOAT)
        scale = op("Div", float(facts.resize), op("ReduceMax", lengths, [0], keepdims=1))
        wanted = op("Cast", op("Round", op("Mul", lengths, scale)), to=ir.DataType.INT64)
    else:
        given = np.array(facts.resize)
        wanted = op("Where", op.tape.op("Less", [op.constant(given), op.constant([0, 0])]), plane, given)
    return _interpolated(op, batch, wanted)


def _interpolated(op: _Operators, batch: ir.Value, plane: ir.Value) -> ir.Value:
    sizes = op("Concat", op.part(op("Shape", batch), 0, 0, 2), plane, axis=0)
    return op("Resize", batch, None, None, sizes, mode="linear", coordinate_transformation_mode="half_pixel")


def _statistics(op: _Operators, step: Step, batch: ir.Value) -> list[ir.Value]:
    """The statistics of a picture (1, channel, x, y), each (1, channel or 1, 1, 1)."""
    axes = ROWS[1:] if step.channel_wise else ROWS[:1] + (1, 2, 3)
    if isinstance(step, Invert):
        above = op("Cast", op("Greater", batch, step.maximum / 2 * (1 + ROUNDING)), to=ir.DataType.INT64)
        twice = op("Mul", op("ReduceSum", above, [0, 1, 2, 3], keepdims=1), 2)
        return [op("Cast", op("Greater", twice, op("Size", batch)), to=ir.DataType.FLOAT)]
    if not step.numbers:
        return []
    if isinstance(step, Range):
        return [_percentile(op, batch, percent, step.channel_wise, axes) for percent in (step.lower, step.upper)]
    weights = op("Cast", op("Not", op("Equal", batch, 0.0)), to=ir.DataType.FLOAT) if step.nonzero else None
    mean = _mean(op, batch, weights, axes)
    difference = op("Sub", batch, mean)
    return [mean, op("Sqrt", _mean(op, op("Mul", difference, difference), weights, axes))]


def _mean(op: _Operators, values: ir.Value, weights: ir.Value | None, axes: tuple[int, ...]) -> ir.Value:
    if weights is None:
        return op("ReduceMean", values, list(axes), keepdims=1)
    count = op("Max", op("ReduceSum", weights, list(axes), keepdims=1), 1.0)
    return op("Div", op("ReduceSum", op("Mul", values, weights), list(axes), keepdims=1), count)


def _percentile(op: _Operators, batch: ir.Value, percent: float, channel_wise: bool, axes: tuple[int, ...]) -> ir.Value:
    """A percentile by linear interpolation, from the nearer end of the sorted values.

    Whole numbers alone say which values it lies between: large pictures have more pixels than float32 counts.
    """
    if percent in (0, 100):
        return op("ReduceMax" if percent else "ReduceMin", batch, list(axes), keepdims=1)
    largest = percent > 50
    share = Fraction(str(percent)).limit_denominator(10**6) / 100
    share = 1 - share if largest else share
    rows = op("Reshape", batch, [-1 if channel_wise else 1, 0, 1, 1][:1] + [-1]) if not channel_wise else None
    if rows is None:
        rows = op("Reshape", batch, op("Concat", op.length(batch, 1), [-1], axis=0))
    last = op("Sub", op.length(rows, 1), 1)
    whole, rest = op("Div", last, share.denominator), op("Mod", last, share.denominator)
    rest = op("Mul", rest, share.numerator)
    place = op("Add", op("Mul", whole, share.numerator), op("Div", rest, share.denominator))
    between = op("Div", op("Cast", op("Mod", rest, share.denominator), to=ir.DataType.FLOAT), float(share.denominator))
    beyond = op("Min", op("Add", place, 1), last)
    ordered = op.top_k(rows, op("Add", beyond, 1), largest)
    near, far = op("Gather", ordered, place, axis=1), op("Gather", ordered, beyond, axis=1)
    return op("Reshape", op("Add", near, op("Mul", op("Sub", far, near), between)), [1, -1, 1, 1])


def _apply(op: _Operators, step: Step, batch: ir.Value, numbers: list[ir.Value]) -> ir.Value:
    """A step with its statistics, each (1, channel or 1, 1, 1)."""
    if isinstance(step, Range):
        return _ranged(op, step, batch, *(numbers or (op.constant(step.low), op.constant(step.high))))
    if isinstance(step, Invert):
        return op("Where", op("Greater", numbers[0], 0.5), op("Sub", step.maximum, batch), batch)
    repeated = [None if own is None else np.reshape(own, (1, -1, 1, 1)) for own in (step.mean, step.deviation)]
    mean, deviation = (numbers[place] if own is None else own for place, own in enumerate(repeated))
    deviation = op("Where", op("Equal", deviation, 0.0), 1.0, deviation)
    scaled = op("Div", op("Sub", batch, mean), deviation)
    return op("Where", op("Equal", batch, 0.0), batch, scaled) if step.nonzero else scaled


def _ranged(op: _Operators, step: Range, batch: ir.Value, low: ir.Value, high: ir.Value) -> ir.Value:
    extent = op("Sub", high, low)
    is_flat = op("Equal", extent, 0.0)
    shifted = op("Sub", batch, low)
    scaled = op("Div", shifted, op("Where", is_flat, 1.0, extent))
    flat = shifted
    if step.b_min is not None and step.b_max is not None:
        scaled = op("Add", op("Mul", scaled, float(step.b_max - step.b_min)), float(step.b_min))
    if step.b_min is not None:
        flat = op("Add", shifted, float(step.b_min))
    if step.clip:
        scaled = op("Clip", scaled, *(None if end is None else float(end) for end in (step.b_min, step.b_max)))
    if step.flat_factor is not None:
        flat = op("Mul", batch, float(step.flat_factor))
    return op("Where", is_flat, flat, scaled)


def _turns(flips: list[int]) -> list[tuple[int, ...]]:
    """The axes that each of the mirror images is turned along; the first is the image itself."""
    return [chosen for count in range(len(flips) + 1) for chosen in combinations(flips, count)]


def _turned(op: _Operators, batch: ir.Value, axes: tuple[int, ...]) -> ir.Value:
    for axis in axes:
        batch = op.part(batch, axis + 2, -1, -LARGEST_END, -1)
    return batch


def _with_mirror_images(op: _Operators, batch: ir.Value, flips: list[int]) -> ir.Value:
    if not flips:
        return batch
    return op("Concat", *(_turned(op, batch, axes) for axes in _turns(flips)), axis=0)


def _mean_of_mirror_images(op: _Operators, logits: ir.Value, flips: list[int]) -> ir.Value:
    if not flips:
        return logits
    turns = _turns(flips)
    parts = op.tape.op_multi_out("Split", [logits], {"axis": 0, "num_outputs": len(turns)}, num_outputs=len(turns))
    turned = [_turned(op, part, axes) for part, axes in zip(parts, turns, strict=True)]
    return op("Mean", *turned)


def _outputs(op: _Operators, logits: ir.Value, plane: ir.Value, facts: Facts) -> list[ir.Value]:
    """Logits, probabilities and labels on the grid of the input."""
    if facts.resize is not None:
        logits = _interpolated(op, logits, plane)
    smooth = _smoothed(op, logits, facts.slice_kernel)
    probabilities = op("Sigmoid", smooth) if facts.out_channels == 1 else op("Softmax", smooth, axis=1)
    if facts.out_channels == 1:
        labels = op("Squeeze", op("GreaterOrEqual", probabilities, 0.5), [1])
    else:
        labels = op("ArgMax", probabilities, axis=1, keepdims=0)
    labels = op("Cast", labels, to=ir.DataType.UINT8)
    shape: tuple[int | str, ...] = ("slices", facts.out_channels, "x", "y")
    if not facts.volumetric:
        logits, probabilities = (
            op("Squeeze", op("Transpose", one, perm=[0, 3, 2, 1]), [0]) for one in (logits, probabilities)
        )
        labels = op("Squeeze", op("Transpose", labels, perm=[0, 2, 1]), [0])
        shape = ("height", "width", facts.out_channels)
    plain = [length for place, length in enumerate(shape) if place != (1 if facts.volumetric else 2)]
    outputs = {
        LABELS: (labels, ir.DataType.UINT8, plain),
        PROBABILITIES: (probabilities, ir.DataType.FLOAT, shape),
        LOGITS: (logits, ir.DataType.FLOAT, shape),
    }
    named = []
    for name, (value, kind, lengths) in outputs.items():
        output = op("Identity", value)
        output.name, output.dtype, output.shape = name, kind, ir.Shape(lengths)
        named.append(output)
    return named


def _smoothed(op: _Operators, logits: ir.Value, kernel: list[float]) -> ir.Value:
    """Logits (slice, class, x, y) smoothed along the slices; beyond the first and the last, these are repeated."""
    if not kernel:
        return logits
    reach = len(kernel) // 2
    padded = op("Pad", logits, [reach, 0, 0, 0, reach, 0, 0, 0], mode="edge")
    rows = op("Reshape", padded, op("Concat", [1, 1], op.length(padded, 0), [-1], axis=0))
    smooth = op("Conv", rows, np.reshape(kernel, (1, 1, -1, 1)))
    return op("Reshape", smooth, op("Shape", logits))
