"""Models in the forms that other programs read, and what they wrote."""
