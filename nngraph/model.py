"""`Model`: a declared graph with its programs and parameters; what a user trains, asks and saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from nngraph.differentiate import Objective, objective_from
from nngraph.differentiate.objective import targets_of
from nngraph.errors import DataError, OptionError
from nngraph.ir.graph import Graph as ForwardGraph
from nngraph.ir.program import KernelCall, Plan
from nngraph.lower.lower import lower
from nngraph.ops.optimizer import Optimizer, optimizer_from
from nngraph.programs import Programs, scheduled
from nngraph.train.data.dataset import Dataset
from nngraph.train.data.splits import split
from nngraph.train.data.weights import ClassWeight
from nngraph.train.early_stopping import EarlyStopping
from nngraph.train.evaluation import ROWS, evaluate
from nngraph.train.examples import Given, dataset_of, examples, input_examples
from nngraph.train.fit import Settings, Training, best_of
from nngraph.train.history import History
from nngraph.train.loop import Callback, Callbacks, Observer
from nngraph.train.position import Position
from nngraph.train.signature import Signature, signature_of

if TYPE_CHECKING:
    from nngraph.compiler import Purpose
    from nngraph.declare.graph import Graph

DTYPES = ("float32", "float64")
SEEDS = 2**63
Validation = tuple[Any, ...] | Dataset | float | None
Answer = np.ndarray | dict[str, np.ndarray]


def compile(
    graph: Graph,
    *,
    loss: Any = None,
    optimizer: Any = None,
    device: str = "cpu",
    threads: int | None = None,
    dtype: str = "float32",
    seed: int = 0,
    regularizer: Any = None,
) -> Model:
    """Make a model of a graph.

    Parameters
    ----------
    graph : Graph
    loss : str, Loss or mapping
        By name, as an instance, or as ``{"type": name, ...}``; a mapping from outputs to losses where there are
        several outputs. By default that of the graph's file; a model without one only predicts.
    optimizer : str, Optimizer or mapping
        By default that of the graph's file; a model without one cannot be trained.
    device : {"cpu"}
    threads : int, optional
        By default as many as the process may use. Results do not depend on it.
    dtype : {"float32", "float64"}
        What "float" is.
    seed : int
        Of initial parameters, the order of the data, and dropout.
    regularizer : Regularizer or mapping, optional
        Of all parameters that no node's own regularizer is for; by default that of the graph's file.

    Returns
    -------
    Model
        Its programs are compiled when they are first needed.

    Raises
    ------
    OptionError
        If an option is outside of what is accepted.
    DeclarationError
        If the graph cannot be lowered.
    """
    check_options(device, threads, dtype, seed)
    declared = graph.declaration()
    forward = lower(declared, dtype=dtype, seed=seed)
    if not forward.outputs:
        raise OptionError(f"graph '{graph.name}': no output declared; say graph.output(value)")
    defaults = graph.training
    loss = defaults.get("loss") if loss is None else loss
    optimizer = defaults.get("optimizer") if optimizer is None else optimizer
    regularizer = defaults.get("regularizer") if regularizer is None else regularizer
    objective = None
    if loss is not None:
        objective = objective_from(loss, [name for name, _ in forward.outputs], regularizer=regularizer)
        targets_of(forward, objective)  # raises where a loss does not fit its output
    chosen = None if optimizer is None else optimizer_from(optimizer)
    programs = Programs(declared, objective, chosen, dtype=dtype, seed=seed, threads=threads)
    return Model(graph, programs, forward)


def check_options(device: str, threads: Any, dtype: str, seed: Any) -> None:
    if device != "cpu":
        raise OptionError(f"device: {device!r} given, 'cpu' expected")
    if threads is not None and not (is_int(threads) and threads >= 1):
        raise OptionError(f"threads: {threads!r} given, a whole number from 1, or None for all, expected")
    if dtype not in DTYPES:
        raise OptionError(f"dtype: {dtype!r} given, one of {', '.join(DTYPES)} expected")
    if not (is_int(seed) and 0 <= seed < SEEDS):
        raise OptionError(f"seed: {seed!r} given, a whole number from 0 to 2**63 - 1 expected")


def is_int(x: Any) -> bool:
    return isinstance(x, int | np.integer) and not isinstance(x, bool)


class Model:
    """A graph with programs and parameters; `compile` and `load_model` make one.

    Attributes
    ----------
    graph : Graph
        As it was declared.
    programs : Programs
        The compiled programs, over one store of parameters and other states.
    """

    def __init__(self, graph: Graph, programs: Programs, forward: ForwardGraph) -> None:
        self.graph = graph
        self.programs = programs
        self.forward = forward
        self.optimizer = programs.optimizer  # `fit` gives the programs one whose schedule is in steps
        self.last_batch = int(graph.training.get("batch_size", 32))
        self.position = Position()
        programs.store.ensure(forward.states)

    @cached_property
    def signature(self) -> Signature:
        """Names, shapes and types of inputs, outputs and targets."""
        return signature_of(self.forward, self.programs.objective)

    @property
    def objective(self) -> Objective | None:
        return self.programs.objective

    def fit(
        self,
        inputs: Given | Dataset,
        targets: Given | None = None,
        *,
        epochs: int = 10,
        batch_size: int = 32,
        validation: Validation = None,
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight | None = None,
        shuffle: bool = True,
        early_stopping: EarlyStopping | int | None = None,
        callbacks: Sequence[Callback] | Callback = (),
    ) -> History:
        """Train.

        A call goes on where the last one ended: two calls with 5 epochs do what one with 10 does, but for
        schedules without a length, which take all epochs up to the call's last.

        Parameters
        ----------
        inputs, targets : array_like, or mapping of str to array_like
            By name where there are several inputs, or several outputs with losses; a `Dataset` holds both.
        epochs : int
            Passes over the data.
        batch_size : int
            Examples in a step; the last step of an epoch takes those that are left.
        validation : (inputs, targets), Dataset or float, optional
            What is evaluated after each epoch; a number is the share of the data that is set aside for it.
        sample_weight : array_like, optional
            A factor of each example's loss.
        class_weight : "balanced" or mapping, optional
            A factor of the loss of each class's examples.
        shuffle : bool
            Whether each epoch has an order of its own, which depends on the seed and its number alone.
        early_stopping : EarlyStopping or int, optional
            When to stop before the last epoch; a number is the patience.
        callbacks : callable or sequence of callable
            Each is called with the epoch's number, from 1, and its metrics; True ends the training.

        Returns
        -------
        History

        Raises
        ------
        DataError
            If the data does not fit the model; before anything is compiled.
        ExecutionError
            If the loss is not finite; the parameters are those before that step.
        KeyboardInterrupt
            After Ctrl-C, which stops at once; parameters, moments and `history` are those of the last step.
        """
        training, held_out = self.training_data(inputs, targets, validation, sample_weight, class_weight)
        settings = self.settings(self.position.epoch + check_epochs(epochs), batch_size, shuffle, early_stopping)
        functions = (callbacks,) if callable(callbacks) else tuple(callbacks)
        return self.train(training, held_out, settings, [Callbacks(functions)] if functions else [])

    def train(
        self, training: Dataset, held_out: Dataset | None, settings: Settings, observers: list[Observer]
    ) -> History:
        """Train on checked data; `history` and `position` say how far it came, however it ends."""
        assert self.optimizer
        self.history = history = History()
        given = self.examples(training)
        checked = None if held_out is None else self.examples(held_out)
        assert self.programs.objective
        best = None
        if settings.early_stopping:
            best = best_of(
                self.programs, self.signature, self.programs.objective, settings, checked is not None, history
            )
            observers = [best, *observers]
        job = Training(
            self.programs, self.signature, self.optimizer, settings, given, checked, self.position, history, observers
        )
        loop = job.loop()
        self.last_batch = loop.training.batch
        try:
            loop.run()
        finally:
            self.position = loop.position
        if best and settings.early_stopping and settings.early_stopping.restore_best:
            best.restore()
        return history

    def training_data(
        self,
        inputs: Given | Dataset,
        targets: Given | None,
        validation: Validation,
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight | None = None,
    ) -> tuple[Dataset, Dataset | None]:
        """The data to train on and that to validate with."""
        self.need_loss("fit")
        if self.optimizer is None:
            raise OptionError("optimizer: none given, but fit needs one; name it in compile(optimizer=...)")
        data = dataset_of(self.signature, inputs, targets, sample_weight, class_weight, "fit")
        if validation is None:
            return data, None
        if isinstance(validation, float):
            return split(data, validation, seed=self.programs.seed)
        if isinstance(validation, tuple) and len(validation) in (2, 3):
            return data, dataset_of(self.signature, *validation, name="validation")
        if isinstance(validation, Dataset):
            return data, validation
        raise OptionError(
            f"validation: {type(validation).__name__} given, a pair (inputs, targets) or a share between 0 and 1 expected"
        )

    def settings(
        self, epochs: int, batch_size: int, shuffle: bool, early_stopping: EarlyStopping | int | None
    ) -> Settings:
        check_batch(batch_size)
        if isinstance(early_stopping, int):
            early_stopping = EarlyStopping(early_stopping)
        return Settings(epochs, int(batch_size), shuffle, early_stopping)

    def predict(self, inputs: Given | Dataset, *, batch_size: int = ROWS) -> Answer:
        """The outputs for `inputs`, dropout and the like switched off.

        Parameters
        ----------
        inputs : array_like, or mapping of str to array_like
            By name where the graph has several inputs; the first axis counts the examples.
        batch_size : int
            Examples in a batch; more need more memory. It changes no result.

        Returns
        -------
        ndarray, or dict of str to ndarray
            The only output, or all of them by name.
        """
        check_batch(batch_size)
        data = dataset_of(self.signature, inputs, None, name="predict")
        given = input_examples(self.signature, data)
        parts = [
            self.programs.call("predict", {name: x[k : k + batch_size] for name, x in given.arrays.items()},
                               min(batch_size, given.count - k))
            for k in range(0, given.count, batch_size)
        ]  # fmt: skip
        outputs = {name: joined([part[name] for part in parts]) for name in parts[0]}
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def evaluate(
        self, inputs: Given | Dataset, targets: Given | None = None, *, batch_size: int | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> dict[str, float]:  # fmt: skip
        """Loss and metrics, dropout and the like switched off, the regularizer included.

        Parameters
        ----------
        inputs, targets : array_like, or mapping of str to array_like
            Targets by output where several outputs have losses.
        batch_size : int, optional
            Examples in a batch; where a loss is a sum over the batch, all are in one.
        sample_weight : array_like, optional
            Factors of the examples' losses; metrics are unweighted.

        Returns
        -------
        dict of str to float
            "loss" and, by the losses, "accuracy" or "mae"; with ``/<output>`` where there are several losses.
        """
        check_batch(batch_size)
        self.need_loss("evaluate")
        data = dataset_of(self.signature, inputs, targets, sample_weight, name="evaluate")
        return evaluate(self.programs, self.signature, self.examples(data), batch_size)

    def loss_and_gradients(
        self, inputs: Given | Dataset, targets: Given | None = None, *, sample_weight: ArrayLike | None = None
    ) -> tuple[float, dict[str, np.ndarray]]:
        """The loss of one batch in training mode, and its gradients; changes no state.

        The regularizer is included, and dropout's masks are those of the step that would come next.

        Returns
        -------
        loss : float
        gradients : dict of str to ndarray
            By parameter, in the public layouts; frozen parameters have none.
        """
        self.need_loss("loss_and_gradients")
        data = dataset_of(self.signature, inputs, targets, sample_weight, name="loss_and_gradients")
        given = self.examples(data)
        outputs = self.programs.call("gradients", given.arrays, given.count)
        states = self.programs.store.states
        named = {name.removeprefix("gradient/"): x for name, x in outputs.items() if name.startswith("gradient/")}
        gradients = {name: np.array(states[name].to_public(x), order="C") for name, x in named.items()}
        return float(outputs["loss"]), gradients

    def examples(self, data: Dataset) -> Any:
        """`data` as the programs take it; the objective takes weights from when there are some."""
        objective = self.programs.objective
        assert objective
        if data.weights is not None and not objective.sample_weights:
            self.programs.use(objective=replace(objective, sample_weights=True))
        assert self.programs.objective
        return examples(self.signature, data, self.programs.objective.sample_weights)

    def need_loss(self, what: str) -> None:
        if self.programs.objective is None:
            raise OptionError(f"loss: none given, but {what} needs one; name it in compile(loss=...)")

    def parameters(self) -> dict[str, np.ndarray]:
        """Copies of the parameters by ``<node>.<parameter>``, in the public layouts."""
        return self.programs.store.public(("parameter",))

    def set_parameters(self, given: Mapping[str, ArrayLike]) -> None:
        """Set parameters, all or some.

        Parameters
        ----------
        given : mapping of str to array_like
            By ``<node>.<parameter>``, in the public layouts.

        Raises
        ------
        DataError
            If a name is unknown, or a shape or a value is not right; then none is set.
        """
        states = {name: s for name, s in self.programs.store.states.items() if s.kind == "parameter"}
        found: dict[str, np.ndarray] = {}
        for name, value in given.items():
            if name not in states:
                from nngraph.ops.specification import suggestion

                raise DataError(f"parameter '{name}': the model has none of that name; {suggestion(name, states)}")
            found[name] = parameter_array(name, value, states[name].public_shape)
        self.programs.store.assign(found)

    def plan(self, purpose: Purpose = "train", batch: int | None = None) -> Plan:
        """The plan of a program's arena for one batch size."""
        return self.programs.plan(purpose, batch or self.last_batch)

    @property
    def main_purpose(self) -> Purpose:
        """The training step, where loss and optimizer are known; else the prediction."""
        return "train" if self.programs.objective and self.programs.optimizer else "predict"

    @property
    def memory(self) -> Plan:
        """The plan of the training program's arena, for the batch size that was trained with last."""
        return self.plan(self.main_purpose)

    @property
    def schedule(self) -> tuple[KernelCall, ...]:
        """The kernel calls of a training step, in order."""
        return scheduled(self.programs.compile(self.main_purpose)).calls

    def source(self) -> str:
        """The source of all kernels of a training step, as it was emitted."""
        sources = self.programs.compile(self.main_purpose).sources
        return "\n\n".join(f"# {name}.py\n{text}" for name, text in sources.items())

    def __repr__(self) -> str:
        states = self.programs.store.states.values()
        size = sum(int(np.prod(s.public_shape)) for s in states if s.kind == "parameter")
        outputs = ", ".join(self.signature.outputs)
        return f"<Model '{self.graph.name}': {size:,} parameters, {self.programs.dtype}, outputs {outputs}>"


def check_epochs(epochs: Any) -> int:
    if not (is_int(epochs) and epochs >= 1):
        raise OptionError(f"epochs: {epochs!r} given, a whole number from 1 expected")
    return int(epochs)


def joined(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def check_batch(batch_size: Any) -> None:
    if batch_size is not None and not (is_int(batch_size) and batch_size >= 1):
        raise OptionError(f"batch_size: {batch_size!r} given, a whole number from 1 expected")


def parameter_array(name: str, value: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise DataError(f"parameter '{name}': {type(value).__name__} given, an array of numbers expected") from None
    if array.shape != shape:
        raise DataError(f"parameter '{name}': shape {array.shape} given, {shape} expected")
    if not np.isfinite(array).all():
        raise DataError(f"parameter '{name}': holds NaN or an infinity; finite numbers expected")
    return array
