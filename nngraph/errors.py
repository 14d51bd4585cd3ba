"""The one tree of exceptions. Every message is a single line: what, where, given, expected, how to mend it."""


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
