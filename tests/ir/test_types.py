import pytest

from nngraph.ir.types import (
    BATCH,
    Batch,
    TensorType,
    broadcast_shapes,
    evaluate_shape,
    format_shape,
    multiply,
    size_of,
    strides_of,
)


def test_a_dimension_is_a_number_or_a_multiple_of_the_batch():
    assert multiply(3, 4) == 12
    assert multiply(BATCH, 4) == multiply(4, BATCH) == Batch(4)
    assert size_of((BATCH, 3, 4)) == Batch(12)
    assert size_of(()) == 1
    assert evaluate_shape((Batch(2), 5), 3) == (6, 5)


def test_the_batch_stands_once_in_a_shape():
    with pytest.raises(ValueError, match="twice"):
        multiply(BATCH, BATCH)
    with pytest.raises(ValueError, match="twice"):
        size_of((BATCH, 3, BATCH))


def test_strides_of_a_shape():
    assert strides_of((3, 4, 5)) == (20, 5, 1)
    assert strides_of((BATCH, 4)) == (4, 1)
    assert strides_of((2, BATCH, 3)) == (Batch(3), 3, 1)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ([(3, 5), (3, 5)], (3, 5)),
        ([(4, 1, 3), (5, 1)], (4, 5, 3)),
        ([(BATCH, 5), (5,)], (BATCH, 5)),
        ([(BATCH, 1), ()], (BATCH, 1)),
        ([(1, 5), (BATCH, 1)], (BATCH, 5)),
        ([], ()),
    ],
)
def test_broadcasting(shapes, expected):
    assert broadcast_shapes(*shapes) == expected


@pytest.mark.parametrize("shapes", [[(3,), (4,)], [(BATCH, 5), (3, 5)], [(Batch(2), 5), (BATCH, 5)]])
def test_shapes_that_do_not_broadcast(shapes):
    with pytest.raises(ValueError, match="do not broadcast"):
        broadcast_shapes(*shapes)


def test_text():
    assert str(TensorType((BATCH, 3))) == "float32[batch, 3]"
    assert str(TensorType((Batch(2),), "int32")) == "int32[2*batch]"
    assert format_shape((3,)) == "(3,)"
    assert format_shape(()) == "()"


def test_sizes_of_a_type():
    type = TensorType((BATCH, 3), "float64")
    assert type.size == Batch(3)
    assert type.rank == 2
    assert type.nbytes(4) == 96
    assert type.empty(2).shape == (2, 3)
    assert TensorType((5,), "bool").nbytes(1) == 5
