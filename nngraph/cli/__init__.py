"""The command line: a click command a file, each loaded when it is asked for."""
