"""Which patches of an image a kernel reads, in words that need no compiler."""

from __future__ import annotations

# Ints: sizes of the images, elements from pixel to pixel, sizes of the result, how far the window moves, the padding
# in front, the distances and numbers of runs in a patch, elements of a run, the last column at which a window may
# begin without leaving the image; see `patches`.
GEOMETRY = (
    "image_height", "image_width", "pixel", "result_height", "result_width", "stride_y", "stride_x", "padding_y",
    "padding_x", "step_y", "step_x", "runs_y", "runs_x", "run_length", "last_inside",
)  # fmt: skip
