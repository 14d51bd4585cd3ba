from hypothesis import given
from hypothesis import strategies as st

from nngraph.plan.allocator import Allocator, aligned


@given(st.sampled_from([64, 256]), st.lists(st.tuples(st.integers(1, 700), st.integers(0, 30))))
def test_what_is_held_never_overlaps(alignment, requests):
    """Each request is a number of bytes and how many requests later they are given back."""
    allocator = Allocator(alignment)
    held: dict[int, list[tuple[int, int]]] = {}
    for now, (nbytes, later) in enumerate(requests):
        for offset, size in held.pop(now, []):
            allocator.release(offset, size)
        offset = allocator.allocate(nbytes)
        assert offset % alignment == 0
        assert offset + aligned(nbytes, alignment) <= allocator.nbytes
        for other, size in (block for blocks in held.values() for block in blocks):
            assert offset + aligned(nbytes, alignment) <= other or other + aligned(size, alignment) <= offset
        held.setdefault(now + 1 + later, []).append((offset, nbytes))
    for blocks in held.values():
        for offset, size in blocks:
            allocator.release(offset, size)
    free = sum(size for size, _ in allocator.by_size)
    assert free == allocator.nbytes
    assert len(allocator.by_size) <= 1  # all neighbors joined


def test_the_smallest_place_that_is_large_enough():
    allocator = Allocator()
    large, _, small, _ = (allocator.allocate(64 * k) for k in (4, 1, 2, 1))
    allocator.release(large, 256)
    allocator.release(small, 128)
    assert allocator.allocate(100) == small
    assert allocator.allocate(100) == large


def test_the_arena_grows_by_what_is_missing_at_its_end():
    allocator = Allocator()
    allocator.allocate(64)
    end = allocator.allocate(64)
    allocator.release(end, 64)
    assert allocator.allocate(256) == end
    assert allocator.nbytes == 64 + 256
