"""Compute kernels on plain buffers: explicit SIMD for Numba, and what is built on it.

Nothing here knows of graphs. The package imports the standard library, NumPy, Numba and llvmlite only,
and Numba only in the modules that need it: ``target`` and ``random_reference`` do without.
"""
