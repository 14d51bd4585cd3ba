"""How the tape's tables are laid out, in 8-byte words: for the driver, and for Python without Numba."""

# The control block. Words that different threads write stand on different cache lines.
STOP = 0  # Python: not 0 asks the threads to leave
ERROR = 8  # kernels: a code that is not 0 ends the run
ERROR_CALL = 9  # the index of the call that wrote it
STEP = 16  # finished steps, across runs
CURSOR = 17  # the first row of the batch within the order of the data
SEGMENT = 18  # the segment that runs
CALL = 19  # the last call that thread 0 began
LEAVE = 20  # why the threads left
ARRIVED = 24  # the barrier's threads so far
RELEASE = 32  # the barrier's number of meetings, times 4, plus why to leave
CONTROL_WORDS = 40

# Why the threads leave.
DONE = 0
STOPPED = 1
FAILED = 2

# A row of a program's table: address, block of arguments, flags.
CALL_WORDS = 3
PARALLEL = 1  # all threads make the call, each its share
SYNCHRONIZE = 2  # the threads meet after it: so it is where it or the next call is parallel, and at the end

# A segment: table, calls, steps, rows of a batch, first call that writes a state, cursor to begin at (or -1).
SEGMENT_WORDS = 6
