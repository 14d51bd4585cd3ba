"""Patches of images as a factor of a product, read from the images: elements that see padding are zeros.

What a window sees consists of runs of elements that are neighbors in the image, see `nngraph_kernels.cpu.patches`. The
place of an element is the sum of where its window begins and of where in the window it is. One of them belongs to a
row of the tile and stays; the other is followed along k, without divisions.

Lines read the `GEOMETRY` by its names, the images' first element `a`, and `channel`, the first one of the group.
"""

from __future__ import annotations

from nngraph_kernels.cpu.patch_geometry import GEOMETRY
from nngraph_kernels.cuda.tile import Factor, Share, Walk

NARROW = [*(f"{name} = int32({name})" for name in GEOMETRY), "line = int32(image_width * pixel)"]
WINDOW = [
    "window_y = int32(pixel_y * stride_y - padding_y)",
    "window_x = int32((pixel_x * stride_x - padding_x) * pixel + channel)",
    "window_at = int32((image * image_height + window_y) * line + window_x)",
]
SEEN = [
    "seen_y = int32(run_y * step_y)",
    "seen_x = int32(run_x * step_x * pixel + within)",
    "seen_at = int32(seen_y * line + seen_x)",
]


def patch_rows(size: str) -> Factor:
    """A's rows are patches, from the `top`-th of `size` on."""

    def walk(share: Share) -> Walk:
        every, before = range(share.positions), [*NARROW]
        for q in every:
            before += first_window(f"min(top + {share.position(q)}, {size} - 1)")
            before += [f"a{q}_y = window_y", f"a{q}_x = window_x", f"a{q}_at = window_at"]
        return Walk(
            [*before, *first_element("a_k")], "a", [f"a{q}_at + seen_at" for q in every],
            [inside(f"a{q}_y + seen_y", f"a{q}_x + seen_x") for q in every], next_elements(share.between_k),
        )  # fmt: skip

    return Factor("a", True, walk)


def patch_columns(size: str) -> Factor:
    """A's rows are the elements of patches, from the `top`-th of `size` on; k counts patches."""

    def walk(share: Share) -> Walk:
        every, before = range(share.positions), [*NARROW]
        for q in every:
            before += first_element(f"min(top + {share.position(q)}, {size} - 1)")
            before += [f"a{q}_y = seen_y", f"a{q}_x = seen_x", f"a{q}_at = seen_at"]
        return Walk(
            [*before, *first_window("a_k")], "a", [f"a{q}_at + window_at" for q in every],
            [inside(f"window_y + a{q}_y", f"window_x + a{q}_x") for q in every], next_windows(share.between_k),
        )  # fmt: skip

    return Factor("a", False, walk)


def inside(y: str, x: str) -> str:
    """Whether an element is in the image; x counts elements of a row of pixels."""
    return f"in_image({y}, image_height, {x}, line)"


def first_window(number: str) -> list[str]:
    """The image and the place of a window."""
    return [f"image, pixel_y, pixel_x = place_of({number}, result_width, result_height)", *WINDOW]


def next_windows(count: int) -> list[str]:
    """Go on by so many windows."""
    given = f"image, pixel_y, pixel_x, {count}, result_width, result_height"
    return [f"image, pixel_y, pixel_x = next_place({given})", *WINDOW]


def first_element(number: str) -> list[str]:
    """The run of an element of a window, and where in it the element is."""
    return [f"run_y, run_x, within = place_of({number}, run_length, runs_x)", *SEEN]


def next_elements(count: int) -> list[str]:
    """Go on by so many elements."""
    return [f"run_y, run_x, within = next_place(run_y, run_x, within, {count}, run_length, runs_x)", *SEEN]
