"""The system's clock, for kernels that note when they run."""

import sys
from typing import Final

from numba import types

MONOTONIC: Final = 6 if sys.platform == "darwin" else 1
clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.int64))
