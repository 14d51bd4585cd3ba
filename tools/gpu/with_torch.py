"""Times PyTorch's matrix product, which is cuBLAS's, as `gpu.kernels` does ours.

    python -m gpu.with_torch N TURNS TF32

TF32 is on if it is 1. Answers with a line of JSON: seconds of each turn, the version, and the device.
"""

from __future__ import annotations

import json
import sys

import torch

LAUNCHES, WARM_UP, PAST = 10, 3, 4


def main() -> None:
    n, turns, tf32 = map(int, sys.argv[1:])
    torch.backends.cuda.matmul.allow_tf32 = bool(tf32)
    if not torch.cuda.is_available():
        sys.exit("PyTorch sees no CUDA device here")
    cache = getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 50 << 20)
    sets = [
        [torch.randn(n, n, device="cuda") for _ in range(3)] for _ in range(max(1, -(-PAST * cache // (12 * n * n))))
    ]

    def launch() -> None:
        for k in range(LAUNCHES):
            a, b, out = sets[k % len(sets)]
            torch.mm(a, b, out=out)

    seconds: list[float] = []
    for turn in range(WARM_UP + turns):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        launch()
        end.record()
        end.synchronize()
        if turn >= WARM_UP:
            seconds.append(start.elapsed_time(end) / 1e3 / LAUNCHES)
    print(json.dumps({"seconds": seconds, "version": torch.__version__, "device": torch.cuda.get_device_name(0)}))


if __name__ == "__main__":
    main()
