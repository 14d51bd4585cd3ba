"""A model as one readable NumPy file: `layers` and `images` hold the functions that are copied into it."""
