"""How the tape's tables are laid out, in 8-byte words: for the driver, and for Python without Numba."""

# The control block. Words that different threads write stand on different cache lines.
STOP = 0  # Python: not 0 asks the threads to leave
ERROR = 8  # kernels: a code that is not 0 ends the run
ERROR_CALL = 9  # the index of the call that wrote it
STEP = 16  # finished steps, across runs
CURSOR = 17  # the first row of the batch within the order of the data
SEGMENT = 18  # the segment that runs
CALL = 19  # the last call that the leader began
LEAVE = 20  # why the run ended
ROW = 21  # address of the table's row whose pieces are on offer
OFFER = 24  # the offers so far, the threads of the last one less one, and its pieces taken: see below; negative: leave
FINISHED = 32  # pieces of the last offer that are done
WANTED = 40  # 1 while a run goes on
EXITS = 48  # threads that have left, or are about to
CONTROL_WORDS = 56

# An offer is (number * THREADS + threads - 1) * PIECES + taken, so that one atomic addition takes a piece and says of
# which offer.
PIECES = 256  # more than an offer can have
THREADS = PIECES // 4  # at most
NO_OFFER = PIECES // 2
GONE = NO_OFFER - 2**62  # stays negative, and offers nothing, though some more threads reach for a piece

# What a thread enters the driver for.
BEGIN = -1  # to say that a run begins
LEAD = 0
FOLLOW = 1

# Why a run ends.
DONE = 0
STOPPED = 1
FAILED = 2

# A row of a program's table: address, block of arguments, flags.
CALL_WORDS = 3
PARALLEL = 1  # the call is offered to all threads, in as many pieces

# A segment: table, calls, steps, rows of a batch, first call that writes a state, cursor to begin at (or -1).
SEGMENT_WORDS = 6
