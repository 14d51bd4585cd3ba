"""The native driver: it runs any program, which is a table of calls, without a return to Python.

Every thread enters `drive` with the same arguments. Calls marked as parallel are made by all threads, the
others by thread 0; threads meet at a barrier where a parallel call begins or ends, and after each step.
What happens next (go on, or leave because of a stop or an error) is decided by the last thread to arrive
and published with the barrier's release, so that all threads leave together. ggml's graph compute is the
model of the loop; the barrier is the sense-reversing one of Mellor-Crummey and Scott (1991), figure 1.

The words of the control block, the rows of a program and those of a segment are laid out below; Python
fills them and reads them by these same constants.
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
    ARRIVED,
    CALL,
    CALL_WORDS,
    CURSOR,
    DONE,
    ERROR,
    ERROR_CALL,
    FAILED,
    LEAVE,
    PARALLEL,
    RELEASE,
    SEGMENT,
    SEGMENT_WORDS,
    STEP,
    STOP,
    STOPPED,
    SYNCHRONIZE,
)

PAUSES = 1_000  # 20 to 50 µs: a barrier between two running threads takes less than one
YIELDS = 500  # about a millisecond on a free core; from then on a waiting thread sleeps
NAP = 50  # µs

sched_yield = types.ExternalFunction("sched_yield", types.int32())
usleep = types.ExternalFunction("usleep", types.int32(types.uint32))


@njit(error_model="numpy")
def drive(args, thread, threads):
    """Run segments; ``args`` are the control block, the segments' table and their number."""
    control = words_at(args, 0)
    mode = float_mode()
    set_float_mode(mode | SUBNORMALS_ARE_ZERO)
    leave = DONE
    for index in range(args[2]):
        if leave != DONE:
            break
        segment = offset_words(words_at(args, 1), index * SEGMENT_WORDS)
        leave = run_segment(control, segment, index, thread, threads)
    set_float_mode(mode)


@njit(error_model="numpy")
def run_segment(control, segment, index, thread, threads):
    table, calls, steps, rows, first_write = (
        words_at(segment, 0),
        segment[1],
        segment[2],
        segment[3],
        segment[4],
    )
    if thread == 0:
        atomic_store(control, SEGMENT, index)
        if segment[5] >= 0:
            atomic_store(control, CURSOR, segment[5])
    # No call may read the cursor before it is set.
    leave = meet(control, -1, False, rows, first_write, threads) if threads > 1 else DONE
    for _ in range(steps):
        if leave != DONE:
            break
        leave = run_step(control, table, calls, rows, first_write, thread, threads)
    return leave


@njit(error_model="numpy")
def run_step(control, table, calls, rows, first_write, thread, threads):
    leave = DONE
    for call in range(calls):
        row = offset_words(table, call * CALL_WORDS)
        if threads == 1 or (thread == 0 and row[2] & PARALLEL == 0):
            leave = call_alone(control, row, call, first_write)
            if threads == 1 and leave != DONE:
                return leave
        elif row[2] & PARALLEL:
            call_kernel(row, thread, threads)
        if threads > 1 and row[2] & SYNCHRONIZE:
            leave = meet(control, call, call == calls - 1, rows, first_write, threads)
            if leave != DONE:
                return leave
    if threads == 1:
        finish_step(control, rows)
    return leave


@njit(error_model="numpy")
def call_alone(control, row, call, first_write):
    """Make a call that no other thread takes part in, unless a stop or an earlier error forbids it."""
    leave = atomic_load(control, LEAVE)
    if leave == DONE and call <= first_write and atomic_load(control, STOP) != 0:
        leave = STOPPED
        atomic_store(control, LEAVE, leave)
    if leave == DONE:
        atomic_store(control, CALL, call)
        call_kernel(row, 0, 1)
        leave = check_error(control, call)
    return leave


@njit(error_model="numpy")
def check_error(control, call):
    if atomic_load(control, ERROR) == 0:
        return DONE
    atomic_store(control, ERROR_CALL, call)
    atomic_store(control, LEAVE, FAILED)
    return FAILED


@njit(error_model="numpy")
def finish_step(control, rows):
    atomic_store(control, CURSOR, atomic_load(control, CURSOR) + rows)
    atomic_store(control, STEP, atomic_load(control, STEP) + 1)


@njit(error_model="numpy")
def meet(control, call, last, rows, first_write, threads):
    """Wait for all threads after ``call``; return why to leave, the same to each."""
    before = atomic_load(control, RELEASE)
    if atomic_add(control, ARRIVED, 1) < threads - 1:
        return await_release(control, before) & 3
    atomic_store(control, ARRIVED, 0)
    leave = decide(control, call, last, rows, first_write)
    atomic_store(control, RELEASE, ((before >> 2) + 1) * 4 + leave)
    return leave


@njit(error_model="numpy")
def decide(control, call, last, rows, first_write):
    """Only the last thread to arrive is here: nothing else runs."""
    leave = atomic_load(control, LEAVE)
    if leave == DONE:
        leave = check_error(control, call)
    if leave == DONE and last:
        finish_step(control, rows)
    if leave == DONE and (last or call < first_write) and atomic_load(control, STOP) != 0:
        leave = STOPPED
        atomic_store(control, LEAVE, leave)
    return leave


@njit(error_model="numpy")
def await_release(control, before):
    """Spin for the time of a short wait, then give up the core, then sleep."""
    waits = 0
    now = atomic_load(control, RELEASE)
    while now == before:
        waits += 1
        if waits < PAUSES:
            pause()
        elif waits < PAUSES + YIELDS:
            sched_yield()
        else:
            usleep(NAP)
        now = atomic_load(control, RELEASE)
    return now
