"""The native driver: it runs any program, which is a table of calls, without a return to Python.

One thread leads: it goes through the calls of a run. A call marked as parallel it offers to the others in as many
pieces as the run has threads; each piece is done by whoever takes it first, the leader among them, who goes on when all
are done. So a thread that the system has put aside delays nobody unless it holds a piece, which matters wherever cores
are shared: with a barrier that waits for every thread at every call, a step took many times as long whenever another
process ran. What a piece computes does not depend on who does it. ggml's graph compute is the model of the loop.

Followers outlast the run: waking a thread takes longer than many a program, and the next run often comes soon. Those
that find nothing to do for `NAPS` naps leave, unless a run goes on. Nobody waits for a follower, so that one may come
and go at any time; it only must not leave while a run that counts on it begins (`begin`, `stays`).
"""

from numba import njit, types

from nngraph_kernels.atomic import (
    SUBNORMALS_ARE_ZERO,
    atomic_add,
    atomic_load,
    atomic_store,
    call_kernel,
    float_mode,
    offset_words,
    pause,
    set_float_mode,
    words_at,
)

# The tape's layout is in its own module, which imports nothing: Python reads it without Numba.
from nngraph_kernels.tape_layout import (
    BEGIN,
    CALL,
    CALL_WORDS,
    CURSOR,
    DONE,
    ERROR,
    ERROR_CALL,
    EXITS,
    FAILED,
    FINISHED,
    LEAD,
    LEAVE,
    OFFER,
    PARALLEL,
    PIECES,
    ROW,
    SEGMENT,
    SEGMENT_WORDS,
    STEP,
    STOP,
    STOPPED,
    THREADS,
    WANTED,
)

PAUSES = 1_000  # 20 to 50 µs: the next offer to a thread that spins comes in less
YIELDS = 500  # about a millisecond on a free core; from then on a waiting thread sleeps
NAP = 50  # µs
NAPS = 200  # from 10 to 20 ms

sched_yield = types.ExternalFunction("sched_yield", types.int32())
usleep = types.ExternalFunction("usleep", types.int32(types.uint32))


@njit(error_model="numpy")
def drive(args, role, threads):
    """Begin a run, lead it, or follow; ``args`` are the control block, the segments' table and their number."""
    control = words_at(args, 0)
    if role == BEGIN:
        begin(control, args)
        return
    mode = float_mode()
    set_float_mode(mode | SUBNORMALS_ARE_ZERO)
    if role == LEAD:
        lead(control, words_at(args, 1), args[2], threads)
    else:
        follow(control)
    set_float_mode(mode)


@njit(error_model="numpy")
def begin(control, args):
    """Keep followers from leaving, and put in place of the first argument how many have left so far.

    Whoever is about to leave says so before looking whether a run goes on: one of the two sees the other. Where both
    do, one follower more than asked for comes, which does no harm.
    """
    atomic_store(control, WANTED, 1)
    args[0] = atomic_load(control, EXITS)


@njit(error_model="numpy")
def lead(control, segments, count, threads):
    """Run the segments."""
    atomic_store(control, WANTED, 1)
    leave = DONE
    for index in range(count):
        if leave == DONE:
            atomic_store(control, SEGMENT, index)
            leave = run_segment(control, offset_words(segments, index * SEGMENT_WORDS), threads)
    atomic_store(control, LEAVE, leave)
    atomic_store(control, WANTED, 0)


@njit(error_model="numpy")
def run_segment(control, segment, threads):
    if segment[5] >= 0:
        atomic_store(control, CURSOR, segment[5])
    leave = DONE
    for _ in range(segment[2]):
        leave = run_step(control, segment, threads)
        if leave != DONE:
            break
    return leave


@njit(error_model="numpy")
def run_step(control, segment, threads):
    """Make all calls of a step; before the first that writes a state a stop leaves at once, discarding the step."""
    table, calls, first_write = words_at(segment, 0), segment[1], segment[4]
    for call in range(calls):
        if call <= first_write and atomic_load(control, STOP) != 0:
            return STOPPED
        atomic_store(control, CALL, call)
        row = offset_words(table, call * CALL_WORDS)
        if threads > 1 and row[2] & PARALLEL:
            share(control, row, segment[0] + 8 * CALL_WORDS * call, threads)
        else:
            call_kernel(row, 0, 1)
        if atomic_load(control, ERROR) != 0:
            atomic_store(control, ERROR_CALL, call)
            return FAILED
    atomic_store(control, CURSOR, atomic_load(control, CURSOR) + segment[3])
    atomic_store(control, STEP, atomic_load(control, STEP) + 1)
    return STOPPED if atomic_load(control, STOP) != 0 else DONE


@njit(error_model="numpy")
def share(control, row, address, threads):
    """Offer a call in pieces, do what is left of them, and wait for the others."""
    atomic_store(control, FINISHED, 0)
    atomic_store(control, ROW, address)
    number = atomic_load(control, OFFER) // (THREADS * PIECES) + 1
    atomic_store(control, OFFER, (number * THREADS + threads - 1) * PIECES)
    piece = atomic_add(control, OFFER, 1) % PIECES
    own = 0
    while piece < threads:
        call_kernel(row, piece, threads)
        own += 1
        piece = atomic_add(control, OFFER, 1) % PIECES
    waits = 0
    while atomic_load(control, FINISHED) + own < threads:
        waits += 1
        wait(waits)


@njit(error_model="numpy")
def follow(control):
    """Take pieces of what the leader offers, until it says to leave, or nothing comes for a while."""
    waits = 0
    offer = atomic_load(control, OFFER)
    while offer >= 0:
        if offer % PIECES < threads_of(offer):
            # A piece that was taken keeps the leader from going on, so that ROW is that of this very offer.
            offer = atomic_add(control, OFFER, 1)
            piece, threads = offer % PIECES, threads_of(offer)
            if offer >= 0 and piece < threads:
                call_kernel(words_at(control, ROW), piece, threads)
                atomic_add(control, FINISHED, 1)
            waits = 0
        elif waits < PAUSES + YIELDS + NAPS:
            waits += 1
            wait(waits)
        elif stays(control):
            waits = PAUSES + YIELDS
        else:
            return
        offer = atomic_load(control, OFFER)
    atomic_add(control, EXITS, 1)


@njit(error_model="numpy")
def threads_of(offer):
    return offer // PIECES % THREADS + 1


@njit(error_model="numpy")
def stays(control):
    """Whether a follower that has waited for long has to stay; if not, it has been counted as one that left."""
    atomic_add(control, EXITS, 1)
    if atomic_load(control, WANTED) == 0:
        return False
    atomic_add(control, EXITS, -1)
    return True


@njit(error_model="numpy")
def wait(waits):
    """Spin for the time of a short wait, then give up the core, then sleep."""
    if waits < PAUSES:
        pause()
    elif waits < PAUSES + YIELDS:
        sched_yield()
    else:
        usleep(NAP)
