"""Programs on a CUDA device: its memory, its kernels, and the tape that runs them. Imported only when asked for."""
