"""Every op of the registry against its own record: no op has tests of its own for what is checked here.

Kernels against references, through the compiler, belong in `test_every_kernel.py` and use the same cases.
"""

import re

import numpy as np
import pytest

from nngraph.ir.attributes import check_attributes, own_attributes
from nngraph.ir.expr import argument
from nngraph.ir.expr_numpy import evaluate_expr
from nngraph.ir.op import REGISTRY, Absent
from nngraph.ir.types import BATCH, TensorType, evaluate, evaluate_shape
from tests.ops import cases

WITHOUT_SAMPLES = {"fused": "its inner graph is made by the fuser, and tested with it"}
OPS = [pytest.param(op, id=op.name) for op in REGISTRY.values()]
ALL = cases.samples(lambda op: True)
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


@pytest.mark.parametrize("op", OPS)
def test_facets(op):
    assert op.summary
    assert op.family
    assert not op.summary.endswith(".")
    assert callable(op.infer)
    assert callable(op.reference)
    assert callable(op.flops) or op.name in WITHOUT_SAMPLES
    assert op.samples or op.name in WITHOUT_SAMPLES
    assert isinstance(op.errors, Absent) or op.errors
    assert bool(op.copies) == (op.kernel == "copy")
    assert sum(map(bool, (op.expand, op.expr, op.decompose, op.kernel, op.view))) == 1
    if op.expand:
        assert op.vjp is None, "differentiation sees what a composite expands into"
    else:
        assert isinstance(op.vjp, Absent) or callable(op.vjp)
    assert all(attribute.doc for attribute in op.attributes.values())
    assert all(attribute.type != "any" for attribute in op.attributes.values()) or op.internal


@dtypes
@pytest.mark.parametrize(("op", "sample"), ALL)
def test_inferred_type_is_the_reference_type(op, sample, dtype):
    case = cases.draw_case(op, sample, dtype)
    inferred = op.result_types(case.types, case.attributes)
    for type, expected in zip(inferred, case.references(), strict=True):
        assert type.shape == expected.shape
        if case.dtype == "float32" or not op.parameters:  # a parameter's "float" is float32 until lowered
            assert type.dtype == expected.dtype


@pytest.mark.parametrize(("op", "sample"), [p for p in ALL if not p.values[0].internal and p.values[1].shapes])
def test_inferred_type_with_a_symbolic_batch(op, sample):
    case = cases.draw_case(op, sample)
    first = case.types[0].shape
    if not first:
        return
    types = [
        TensorType((BATCH, *t.shape[1:]), t.dtype) if t.shape[:1] == first[:1] and t.rank == len(first) else t
        for t in case.types
    ]
    try:
        inferred = op.infer(*types, **case.attributes)
    except ValueError as error:
        # Only a sample that does something along the first axis itself may be refused.
        assert "batch" in str(error) or "inner sizes" in str(error) or "broadcast" in str(error)  # noqa: PT017
        return
    assert evaluate_shape(inferred.shape, first[0]) == op.infer(*case.types, **case.attributes).shape


@pytest.mark.parametrize(("op", "sample"), ALL)
def test_flops(op, sample):
    case = cases.draw_case(op, sample)
    assert evaluate(op.flops(*case.types, **case.attributes), 1) >= 0


@dtypes
@pytest.mark.parametrize(("op", "sample"), cases.samples(lambda op: op.expand))
def test_expansion_is_the_reference(op, sample, dtype):
    case = cases.draw_case(op, sample, dtype)
    graph, inputs = cases.build(case, lambda b, values: [op.expand(b, *values, **case.attributes)])
    cases.assert_close(cases.run(graph, inputs)["0"], case.reference(), 4 * cases.TOLERANCE[dtype])


@dtypes
@pytest.mark.parametrize(("op", "sample"), cases.samples(lambda op: op.decompose))
def test_decomposition_is_the_reference(op, sample, dtype):
    case = cases.draw_case(op, sample, dtype)
    graph, inputs = cases.build(case, lambda b, values: op.decompose(b, cases.append_node(b, case, values)))
    for found, expected in zip(cases.run(graph, inputs).values(), case.references(), strict=True):
        cases.assert_close(found, expected, 4 * cases.TOLERANCE[dtype])


@dtypes
@pytest.mark.parametrize(("op", "sample"), cases.samples(lambda op: op.expr))
def test_expression_is_the_reference(op, sample, dtype):
    case = cases.draw_case(op, sample, dtype)
    type = op.infer(*case.types, **case.attributes)
    tree = op.expr(*map(argument, range(len(case.arrays))), **case.attributes)
    found = np.asarray(evaluate_expr(tree, case.arrays, type.shape)).astype(type.dtype)
    cases.assert_close(np.broadcast_to(found, type.shape), case.reference(), cases.TOLERANCE[dtype])


@dtypes
@pytest.mark.parametrize(("op", "sample"), cases.samples(lambda op: op.copies))
def test_copies_are_the_reference(op, sample, dtype):
    case = cases.draw_case(op, sample, dtype)
    expected = case.reference()
    movement = op.copies(*case.types, **case.attributes)
    unwritten = np.full(expected.size, -77, expected.dtype)
    target = unwritten if movement.fill is None else np.full_like(unwritten, movement.fill)
    for copy in movement.copies:
        source = np.ascontiguousarray(case.arrays[copy.operand]).reshape(-1)
        for place in np.ndindex(copy.shape):
            to = copy.target_offset + int(np.dot(place, copy.target_strides))
            target[to] = source[copy.source_offset + int(np.dot(place, copy.source_strides))]
    np.testing.assert_array_equal(target.reshape(expected.shape), expected)


@pytest.mark.parametrize(("op", "sample"), cases.samples(lambda op: callable(op.vjp)))
def test_vjp_is_the_finite_difference(op, sample):
    """The full Jacobian in float64; directions along which a kink lies are skipped, and few."""
    case = cases.draw_case(op, sample)
    expected = case.references()
    if any(result.dtype.kind != "f" for result in expected):
        return
    jacobian = backward_jacobian(case, expected)
    skipped = total = 0
    for k, array in enumerate(case.arrays):
        if array.dtype.kind != "f" or str(k) not in jacobian:
            assert str(k) not in jacobian
            continue
        for place in np.ndindex(array.shape):
            slope, smooth = difference(case, k, place, in_a_row(expected))
            total += 1
            skipped += not smooth
            if smooth:
                np.testing.assert_allclose(jacobian[str(k)][(slice(None), *place)], slope, rtol=1e-3, atol=1e-5)
    assert skipped <= 0.02 * total


def in_a_row(results):
    """All elements of all results."""
    return np.concatenate([result.reshape(-1) for result in results])


def backward_jacobian(case, results):
    """For each float input, (elements of the results, *shape of the input)."""

    def body(b, values):
        node = cases.append_node(b, case, values[: -len(results)])
        return case.op.vjp(b, node, *values[-len(results) :])

    graph, inputs = cases.build(case, body, [np.zeros(result.shape) for result in results])
    cotangents = list(inputs)[-len(results) :]
    rows = []
    for name, result in zip(cotangents, results, strict=True):
        for place in np.ndindex(result.shape):
            unit = np.zeros(result.shape)
            unit[place] = 1
            rows.append(cases.run(graph, {**inputs, name: unit}))
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def difference(case, k, place, expected, epsilon=1e-6):
    """The central difference along one element of input k, and whether both sides have one slope."""
    array = case.arrays[k]
    kept = array[place]
    array[place] = kept + epsilon
    above = in_a_row(case.references())
    array[place] = kept - epsilon
    below = in_a_row(case.references())
    array[place] = kept
    right, left = (above - expected) / epsilon, (expected - below) / epsilon
    return (right + left) / 2, np.allclose(right, left, rtol=1e-2, atol=1e-2)


ERRORS = [
    pytest.param(op, sample, id=f"{op.name}-{k}")
    for op in REGISTRY.values()
    if not isinstance(op.errors, Absent)
    for k, sample in enumerate(op.errors)
]


@pytest.mark.parametrize(("op", "sample"), ERRORS)
def test_error_sample(op, sample):
    names = sample.dtypes or ("float32",) * len(sample.shapes)
    types = [TensorType(shape, dtype) for shape, dtype in zip(sample.shapes, names, strict=True)]
    with pytest.raises(ValueError, match=re.escape(sample.message)) as caught:
        op.infer(*types, **own_attributes(op, check_attributes(op, sample.attributes)))
    assert "\n" not in str(caught.value)
