"""A model's compiled program as one Python module that needs Numba and NumPy, and nothing of nngraph."""
