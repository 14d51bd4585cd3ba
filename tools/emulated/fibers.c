/* Runs a kernel's blocks one after the other, the threads of a block as fibers: each runs until it comes to a barrier
 * or to its end, then the next one does. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { MOST = 1024, STACK = 256 * 1024 };
enum state { RUNS, WAITS, DONE };

static ucontext_t fibers[MOST], scheduler;
static enum state states[MOST];
static void (*kernel)(int64_t *);
static int64_t *words;
static int thread, threads, block, blocks;
static char *stacks;

static void run_thread(void) {
    kernel(words);
    states[thread] = DONE; /* uc_link leads back to the scheduler */
}

void emulated_barrier(void) {
    int own = thread;
    states[own] = WAITS;
    swapcontext(&fibers[own], &scheduler);
}

/* Let every thread of a block run to its next barrier; 1 if all wait there, 0 if all are done, -1 if some are. */
static int phase(int reverse) {
    int waiting = 0;
    for (int k = 0; k < threads; k++) {
        thread = reverse ? threads - 1 - k : k;
        if (states[thread] != DONE) {
            states[thread] = RUNS;
            swapcontext(&scheduler, &fibers[thread]);
        }
        waiting += states[thread] == WAITS;
    }
    return waiting == threads ? 1 : waiting ? -1 : 0;
}

static void begin(int number) {
    getcontext(&fibers[number]);
    fibers[number].uc_stack.ss_sp = stacks + (size_t)STACK * number;
    fibers[number].uc_stack.ss_size = STACK;
    fibers[number].uc_link = &scheduler;
    states[number] = RUNS;
    makecontext(&fibers[number], run_thread, 0);
}

/* 0; -1 if a barrier was not reached by all threads of a block, -2 if there is no room for stacks. */
int emulated_launch(void (*function)(int64_t *), int64_t *arguments, int grid, int size, int reverse) {
    if (!stacks) {
        int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        void *made = mmap(NULL, (size_t)STACK * MOST, PROT_READ | PROT_WRITE, flags, -1, 0);
        if (made == MAP_FAILED) return -2;
        stacks = made;
    }
    kernel = function, words = arguments, blocks = grid, threads = size;
    for (int k = 0; k < blocks; k++) {
        int more;
        block = reverse ? blocks - 1 - k : k;
        for (int number = 0; number < threads; number++) begin(number);
        while ((more = phase(reverse)))
            if (more < 0) return -1;
    }
    return 0;
}

/* Where a thread is; grids have one axis. */
int emulated_tid_x(void) { return thread; }
int emulated_tid_y(void) { return 0; }
int emulated_tid_z(void) { return 0; }
int emulated_ntid_x(void) { return threads; }
int emulated_ntid_y(void) { return 1; }
int emulated_ntid_z(void) { return 1; }
int emulated_ctaid_x(void) { return block; }
int emulated_ctaid_y(void) { return 0; }
int emulated_ctaid_z(void) { return 0; }
int emulated_nctaid_x(void) { return blocks; }
int emulated_nctaid_y(void) { return 1; }
int emulated_nctaid_z(void) { return 1; }

/* What libdevice does with bits. */
int32_t emulated_float_as_int(float x) { int32_t y; memcpy(&y, &x, 4); return y; }
float emulated_int_as_float(int32_t x) { float y; memcpy(&y, &x, 4); return y; }
float emulated_half2float(int16_t x) { _Float16 y; memcpy(&y, &x, 2); return y; }
int16_t emulated_float2half_rn(float x) { _Float16 h = x; int16_t y; memcpy(&y, &h, 2); return y; }
