"""Stage 8: the native tape, its threads and its memory."""
