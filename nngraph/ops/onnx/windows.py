"""Windows in ONNX: strides, dilation and padding, which its attributes say for any number of axes."""

from __future__ import annotations

from typing import Any

from nngraph.ir.exchange import OnnxNode, Reader
from nngraph.ir.types import Shape
from nngraph.ops.onnx.direct import expect
from nngraph.ops.windows import Padding, Pair, Sides, Window, sides_along, span
from nngraph_kernels.record import record


def pads_of(window: Window) -> list[int]:
    """All beginnings, then all ends."""
    (top, bottom), (left, right) = window.padding
    return [top, left, bottom, right]


def sliding(window: Window) -> dict[str, Any]:
    """The attributes that say where a window stands."""
    return {"kernel_shape": list(window.size), "strides": list(window.stride), "pads": pads_of(window)}


@record
class Axis:
    """A window along one axis: sizes of the image and the window, and what stands before and after.

    `extra` is what only `ceil_mode` adds behind: places that count for no mean.
    """

    image: int
    size: int
    stride: int
    dilation: int
    before: int
    after: int
    extra: int = 0

    @property
    def result(self) -> int:
        room = self.image + self.before + self.after + self.extra - span(self.size, self.dilation)
        return room // self.stride + 1


def axes_of(r: Reader, n: OnnxNode, sizes: tuple[int, ...]) -> tuple[Axis, ...]:
    """The window of a node along each axis of the image."""
    image = r.shape(n.inputs[0])[2:]
    rank, given = len(image), n.attributes
    strides, dilations = given.get("strides", [1] * rank), given.get("dilations", [1] * rank)
    pads = given.get("pads", [0] * 2 * rank)
    mode = given.get("auto_pad", "NOTSET")
    expect(len(sizes) == rank and len(pads) == 2 * rank, f"a window of {rank} axes expected")
    found: list[Axis] = []
    for k, size in enumerate(image):
        assert isinstance(size, int)
        before, after = (pads[k], pads[rank + k]) if mode == "NOTSET" else automatic(mode, size, sizes[k], strides[k],
                                                                                  dilations[k])  # fmt: skip
        axis = Axis(size, sizes[k], strides[k], dilations[k], before, after)
        found.append(rounded_up(axis) if given.get("ceil_mode") else axis)
    return tuple(found)


def automatic(mode: str, image: int, size: int, stride: int, dilation: int) -> Pair:
    """The padding that `auto_pad` names; SAME_LOWER puts the odd pixel before."""
    if mode == "VALID":
        return 0, 0
    expect(mode in ("SAME_UPPER", "SAME_LOWER"), f"auto_pad {mode!r} is unknown")
    before, after = sides_along(image, size, stride, "same", dilation)
    return (before, after) if mode == "SAME_UPPER" else (after, before)


def rounded_up(axis: Axis) -> Axis:
    """With room for a last window that begins on the image or before it (ONNX, MaxPool: ceil_mode)."""
    room = axis.image + axis.before + axis.after - span(axis.size, axis.dilation)
    steps = -(-room // axis.stride)
    if steps * axis.stride >= axis.image + axis.before:
        steps -= 1
    return Axis(
        axis.image, axis.size, axis.stride, axis.dilation, axis.before, axis.after, max(0, steps * axis.stride - room)
    )


def padding_of(axes: tuple[Axis, ...], default: str) -> Padding:
    """The shortest way to say it: the default, where it says the same."""
    sides: Sides = tuple((axis.before, axis.after + axis.extra) for axis in axes)  # type: ignore[assignment]
    for name in dict.fromkeys((default, "valid", "same")):
        if all(sides_along(a.image, a.size, a.stride, name, a.dilation) == s for a, s in zip(axes, sides, strict=True)):
            return name
    if len({pixels for side in sides for pixels in side}) == 1:
        return sides[0][0]
    return (sides[0][0], sides[1][0]) if all(before == after for before, after in sides) else sides


def pair(values: tuple[int, ...]) -> int | Pair:
    """Two numbers, or one for both."""
    first, second = values
    return first if first == second else (first, second)


def as_image(r: Reader, tensor: str) -> Any:
    """Images (batch, height, width, channels); of one axis, as of one row."""
    x, shape = r.image(tensor), r.shape(tensor)
    expect(len(shape) in (3, 4), f"images of one or two axes expected, {len(shape) - 2} given")
    if len(shape) == 4:
        return x
    batch, length, channels = r.type(x).shape
    return r.reshape(x, (batch, 1, length, channels))


def give_pixels(r: Reader, tensor: str, y: Any, rank: int) -> None:
    """What was made of `as_image`, with as many axes as it had."""
    shape: Shape = r.type(y).shape
    r.give_image(tensor, y if rank == 4 else r.reshape(y, (shape[0], shape[2], shape[3])))


def of_two(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """One axis as the second of two."""
    return axes if len(axes) == 2 else (Axis(1, 1, 1, 1, 0, 0), *axes)
