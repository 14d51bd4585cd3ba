"""Stage 7: source text of kernels, its compilation in worker processes, and the cache on disk."""
