"""A compiled CUDA kernel as it lies in the cache: a line of JSON that says how it is launched, and its code."""

from __future__ import annotations

import json
from typing import cast

from nngraph_kernels.record import record


@record
class CudaObject:
    """A kernel's machine code.

    Attributes
    ----------
    entry : str
        Its name in the code.
    parameters : int
        How many words it takes.
    code : bytes
        A cubin.
    """

    entry: str
    parameters: int
    code: bytes


def packed(made: CudaObject) -> bytes:
    """As one string of bytes."""
    return json.dumps({"entry": made.entry, "parameters": made.parameters}).encode() + b"\n" + made.code


def unpacked(data: bytes) -> CudaObject | None:
    """What `packed` was given; None where these are other bytes."""
    head, _, code = data.partition(b"\n")
    try:
        found = cast("object", json.loads(head))
    except ValueError:
        return None
    match found:
        case {"entry": str(entry), "parameters": int(parameters)} if code:
            return CudaObject(entry, parameters, code)
        case _:
            return None
