"""Kernels for CUDA devices, a file a family, with the names of those in `nngraph_kernels.cpu`.

A kernel's text defines ``ng_<hash>(f4, f8, i4, u1, words, numbers, control, at)``. The first four are the device's
one block of memory, seen as numbers of each type; ``words[at]`` and the words after it are the call's arguments, in
the order of the CPU's, but for pointers, which are offsets in bytes; `numbers` is the same table as float64. Nothing
is done once ``control[ERROR]`` is not 0.

The same texts run on a device and in Numba's simulator, where a thread of the device is a thread of Python:
`target` says how many of them to take.
"""
