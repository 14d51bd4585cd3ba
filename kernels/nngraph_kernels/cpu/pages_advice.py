"""The system's call that says which pages of memory are needed soon."""

from typing import Final

from numba import types

WILL_NEED: Final = 3  # on Linux and on macOS
madvise = types.ExternalFunction("madvise", types.int32(types.int64, types.int64, types.int32))
