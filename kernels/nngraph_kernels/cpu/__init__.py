"""Kernel families for the CPU: templates from a specification to the source text of one kernel."""
