"""Texts of CUDA kernels, from the specifications that the CPU's are written from."""
