"""Where values come from: constants, and the random numbers of a step."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngraph.ir.op import Absent, Attribute, Op, Sample, register_op
from nngraph.ir.types import TensorType

constant = register_op(
    Op(
        "constant", "a number, the same in every step", "source", (),
        lambda value, dtype="float32": TensorType(np.shape(value), dtype),
        lambda value, dtype="float32": np.asarray(value, dtype),
        {
            "value": Attribute("any", "the number"),
            "dtype": Attribute("string", "element type", "float32", choices=("float32", "float64", "int32", "bool")),
        },
        vjp=Absent("it has no inputs"), kernel="constant", samples=(Sample((), {"value": 2.5}),),
        errors=Absent("any number is accepted; what is not one is refused when declared"),
    )
)  # fmt: skip
