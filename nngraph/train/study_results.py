"""The file of a study's results: a line for each trial that has ended, as JSON."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import IO, Final, Self

from nngraph.errors import CheckpointError, OptionError
from nngraph.train.run_directory import LAST, has_epochs, read_config
from nngraph.train.study import Result, Study, Trial, result_of

RESULTS: Final = "results.jsonl"


class ResultsFile:
    """The results in a study's directory, which is made; one process at a time has it open.

    Attributes
    ----------
    results : dict of Trial to Result
        Those that the file holds, in the order of their lines.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / RESULTS
        self.results: dict[Trial, Result] = {}
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self.file: IO[bytes] = self.path.open("ab+", buffering=0)
        except OSError as error:
            raise OptionError(f"run: {directory} cannot be written ({error.strerror}); choose another") from None

    def __enter__(self) -> Self:
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.read()
        except BlockingIOError:
            self.file.close()
            raise OptionError(f"run: another process works on {self.path.parent}; wait for it, or end it") from None
        except BaseException:
            self.file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def read(self) -> None:
        """Take what is there; a last line that was never finished is cut off."""
        self.file.seek(0)
        text = self.file.read()
        whole = text.rfind(b"\n") + 1
        for number, line in enumerate(text[:whole].splitlines(), 1):
            try:
                result = result_of(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                raise CheckpointError(f"{self.path}: line {number} is no result of a study; remove it") from None
            self.results[result.trial] = result
        if whole < len(text):
            self.file.truncate(whole)

    def add(self, result: Result) -> None:
        self.file.write(json.dumps(result.line()).encode() + b"\n")
        self.results[result.trial] = result

    def pending(self, study: Study) -> list[Trial]:
        """Trials that have no result, those that have been begun first.

        Raises
        ------
        CheckpointError
            If a trial has been trained, or begun, in another configuration.
        """
        begun = {trial for trial in study.trials if has_epochs(self.path.parent / trial.run)}
        for trial in study.trials:
            self.check(study, trial, trial in begun)
        return sorted((t for t in study.trials if t not in self.results), key=lambda trial: trial not in begun)

    def check(self, study: Study, trial: Trial, begun: bool) -> None:
        run = self.path.parent / trial.run
        if trial in self.results:
            kept = self.results[trial].configuration
            where = f"{self.path}: the result of {trial}"
        elif begun:
            kept, where = read_config(run).get("configuration"), f"{run / LAST}"
        else:
            return
        if kept != study.configuration(trial):
            raise CheckpointError(
                f"{where} is of another configuration (model, wiring, data or options); remove it to train it again, "
                "or choose another --run"
            )
