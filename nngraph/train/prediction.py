"""Outputs of a model for inputs: for any number of examples, and for one batch size as fast as can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from nngraph.errors import DataError
from nngraph.train.data.dataset import Dataset
from nngraph.train.examples import Examples, Given, dataset_of, input_examples
from nngraph.train.trainee import Trainee, as_trained

Answer = np.ndarray | dict[str, np.ndarray]


def predict(trainee: Trainee, inputs: Given | Dataset, batch_size: int) -> Answer:
    """The outputs for all of `inputs`, batch by batch."""
    given = prepared_inputs(trainee, inputs)
    parts = [
        trainee.programs.call("predict", given.part(k, k + batch_size), min(batch_size, given.count - k))
        for k in range(0, given.count, batch_size)
    ]
    return answer({name: joined([part[name] for part in parts]) for name in parts[0]})


def prepared_inputs(trainee: Trainee, inputs: Given | Dataset) -> Examples:
    """Inputs as the programs take them."""
    data = dataset_of(trainee.signature, inputs, None, name="predict")
    return input_examples(trainee.signature, as_trained(trainee, data))


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def answer(outputs: dict[str, np.ndarray]) -> Answer:
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs


class Predictor:
    """What `Model.predictor` makes: called with a batch of inputs, it returns the outputs.

    Parameters
    ----------
    trainee : Trainee
        Programs, and what the data of their training went through.
    batch_size : int

    Examples
    --------
    >>> import nngraph as ng
    >>> g = ng.Graph("double")
    >>> _ = g.output(g.multiply(g.input("x", shape=(3,)), 2.0))
    >>> double = ng.compile(g).predictor()
    >>> double([[1.0, 2.0, 3.0]])
    array([[2., 4., 6.]], dtype=float32)
    """

    def __init__(self, trainee: Trainee, batch_size: int) -> None:
        self.batch_size = batch_size
        inputs = trainee.signature.inputs
        self._trainee, self._programs = trainee, trainee.programs
        self._dtypes = {name: np.dtype(value.dtype) for name, value in inputs.items()}
        self._shapes = {name: (batch_size, *value.shape) for name, value in inputs.items()}
        self._first = next(iter(inputs))
        bound = self._programs.bind("predict", batch_size)
        self._only = next(iter(bound.outputs))
        self._simple = len(inputs) == len(bound.outputs) == 1
        self._taken = self._shapes[self._first], self._dtypes[self._first]

    def __call__(self, inputs: ArrayLike | Mapping[str, ArrayLike]) -> Answer:
        """The outputs for one batch.

        Parameters
        ----------
        inputs : array_like, (batch_size, ...), or mapping of str to array_like
            By name where the graph has several inputs.

        Returns
        -------
        ndarray, or dict of str to ndarray
            The only output, or all of them by name; the caller's own.

        Raises
        ------
        DataError
            If names, shapes or types are not those of the network's inputs.
        """
        simple = self._simple and not self._trainee.standardizer
        if simple and type(inputs) is np.ndarray and (inputs.shape, inputs.dtype) == self._taken:
            return self._one(inputs)
        given = inputs if isinstance(inputs, Mapping) else {self._first: inputs}
        arrays = {name: np.asarray(x) for name, x in cast("Mapping[str, Any]", given).items()}
        if {name: x.shape for name, x in arrays.items()} != self._shapes:
            self._refuse(arrays, "Model.predict takes any number of examples")
        if self._trainee.standardizer:
            examples = prepared_inputs(self._trainee, arrays)
            return answer(self._programs.call("predict", examples.part(0, self.batch_size), self.batch_size))
        if not all(np.can_cast(x.dtype, self._dtypes[name], "same_kind") for name, x in arrays.items()):
            self._refuse(arrays, "convert with x.astype")
        return answer(self._programs.call("predict", arrays, self.batch_size))

    def _one(self, x: np.ndarray) -> np.ndarray:
        """One input, one output: weights leave little else in the caches, so that every line here costs twice."""
        with self._programs.lock:
            bound = self._programs.current("predict", self.batch_size)
            outcome = bound.ready.run(partial(np.copyto, bound.inputs[self._first], x))
            if outcome.reason != "done":
                self._programs.check(outcome, "predict", bound)
            return bound.outputs[self._only].copy()

    def _refuse(self, arrays: Mapping[str, np.ndarray], remedy: str) -> None:
        given = ", ".join(f"'{name}' of {x.dtype} and shape {x.shape}" for name, x in arrays.items())
        expected = ", ".join(f"'{name}' of {self._dtypes[name]} and shape {x}" for name, x in self._shapes.items())
        raise DataError(f"predict: {given} given, {expected} expected; {remedy}")
