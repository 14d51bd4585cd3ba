"""Kernels timed beside what this machine can do at most."""
