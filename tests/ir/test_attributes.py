import re

import numpy as np
import pytest

import nngraph.ops  # noqa: F401  (fills the registry)
from nngraph.ir.attributes import accepted_attributes, check_attributes, check_value, expected, own_attributes
from nngraph.ir.op import REGISTRY, Attribute


def test_defaults_are_filled_in():
    checked = check_attributes(REGISTRY["linear"], {"units": np.int64(4)})
    assert checked == {
        "units": 4, "bias": True, "trainable": True, "shared_with": None, "initializer": None,
        "regularizer": None,
    }  # fmt: skip
    assert type(checked["units"]) is int
    assert own_attributes(REGISTRY["linear"], checked) == {"units": 4, "bias": True}


def test_only_ops_with_parameters_take_the_attributes_of_parameters():
    assert "trainable" in accepted_attributes(REGISTRY["layer_norm"])
    assert "trainable" not in accepted_attributes(REGISTRY["relu"])


@pytest.mark.parametrize(
    ("op", "given", "message"),
    [
        ("linear", {"unit": 4},
        "attribute 'unit' given, but 'linear' has none of that name; did you mean 'units'?"),
        ("relu", {"slope": 1}, "(expected: none)"),
        ("linear", {}, "attribute 'units' missing: expected an integer of at least 1, size of"),
        ("linear", {"units": 0}, "attribute 'units': 0 given, an integer of at least 1 expected"),
        ("linear", {"units": True}, "attribute 'units': True given"),
        ("linear", {"units": "4"}, "attribute 'units': '4' given"),
        ("linear", {"units": 4, "bias": 1}, "attribute 'bias': 1 given, true or false expected"),
        ("linear", {"units": 4, "trainable": "no"}, "true or false expected"),
        ("dropout", {"rate": float("nan")},
        "attribute 'rate': nan given, a finite number between 0 and 1 expected"),
        ("dropout", {"rate": 0.5, "mode": "x"}, "one of 'inverted', 'vanilla' expected"),
        ("leaky_relu", {"slope": float("inf")}, "a finite number expected"),
        ("layer_norm", {"epsilon": 0}, "a finite number above 0 expected"),
        ("clip", {"low": "a"}, "a finite number or null expected"),
        ("reshape", {"shape": [3, 0]}, "a list of positive integers expected"),
        ("reshape", {"shape": [-1, -1]}, "a list of positive integers expected"),
        ("reshape", {"shape": 3}, "a list of positive integers expected"),
        ("sum", {"axis": 0.5}, "an integer or a list of integers or null expected"),
        ("pad", {"widths": [[1, 2, 3]]}, "a list of pairs of integers of at least 0 expected"),
        ("constant", {"value": [1.0, float("nan")]}, "a finite number or an array of them expected"),
        ("constant", {"value": [[1], [2, 3]]}, "a finite number or an array of them expected"),
    ],
)  # fmt: skip
def test_what_is_refused(op, given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        check_attributes(REGISTRY[op], given)


@pytest.mark.parametrize(
    ("kind", "given", "held"),
    [
        ("float", 1, 1.0),
        ("float", np.float32(0.5), 0.5),
        ("bool", np.True_, True),
        ("shape", [2, -1], (2, -1)),
        ("axes", [0, -1], (0, -1)),
        ("axes", 1, 1),
        ("integers", [0, 2, 1], (0, 2, 1)),
        ("pairs", [[0, 1]], ((0, 1),)),
        ("array", 2, 2),
        ("any", "x", "x"),
    ],
)
def test_what_is_held(kind, given, held):
    found = check_value("a", Attribute(kind, "a test"), given)
    assert found == held
    assert type(found) is type(held)


def test_bounds_in_words():
    assert expected(Attribute("int", "", 1, minimum=0, maximum=3)) == "an integer between 0 and 3"
    assert expected(Attribute("float", "", 1.0, maximum=3)) == "a finite number of at most 3"
    assert expected(Attribute("float", "", 1.0, maximum=3, exclusive=True)) == "a finite number below 3"
