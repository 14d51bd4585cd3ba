"""The one tree of exceptions. Every message is a single line: what, where, given, expected, how to mend it."""

from __future__ import annotations

from collections.abc import Iterable


class NNGraphError(Exception):
    """Base of all errors that nngraph raises on purpose."""

    exit_code = 1


class DeclarationError(NNGraphError):
    """A graph, a node or a model file that does not say a valid network."""

    exit_code = 2


class DataError(NNGraphError):
    """Data that is missing, malformed, or does not fit the model."""

    exit_code = 2


class OptionError(NNGraphError):
    """An argument or an option outside of what is accepted."""

    exit_code = 2


class DeviceError(NNGraphError):
    """A device that is not there, or has no room for what was asked of it."""


class CheckpointError(NNGraphError):
    """A checkpoint or run directory that cannot be read, or belongs to another graph."""

    exit_code = 2


class VerificationError(NNGraphError):
    """A pass produced a graph that breaks the rules of the IR: a defect of nngraph itself."""


class CompilationError(NNGraphError):
    """A kernel could not be compiled or loaded."""


class ExecutionError(NNGraphError):
    """A running program stopped: an index out of range or a loss that is not finite."""


class Errors(DeclarationError):
    """Several declaration errors at once, as a model file reports them; one line each."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages


def did_you_mean(given: str, known: Iterable[str], otherwise: str = "") -> str:
    """``"; did you mean '...'?"`` where a known name is near, `otherwise` where none is."""
    near = nearest(given, known)
    return otherwise if near is None else f"; did you mean '{near}'?"


def nearest(given: str, known: Iterable[str], alike: float = 0.6) -> str | None:
    """The known name that is most like `given`, if it is alike enough (1: equal)."""
    from difflib import get_close_matches  # no start waits for it

    return next(iter(get_close_matches(given, list(known), 1, alike)), None)
