"""`Model`: a declared graph with its programs and parameters; what a user trains, asks and saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from nngraph.differentiate.objective import objective_from, targets_of
from nngraph.errors import OptionError
from nngraph.ir.graph import Graph as ForwardGraph
from nngraph.ir.program import KernelCall, Plan
from nngraph.lower.lower import lower
from nngraph.ops.optimizer import optimizer_from
from nngraph.programs import Programs, scheduled
from nngraph.report.source import source_text
from nngraph.train import checks
from nngraph.train.checkpoint import write
from nngraph.train.data.augment import Augment, augment_from
from nngraph.train.data.dataset import Dataset
from nngraph.train.data.weights import ClassWeight, weighted
from nngraph.train.early_stopping import EarlyStopping
from nngraph.train.evaluation import ROWS, evaluate
from nngraph.train.examples import Given, dataset_of
from nngraph.train.fit import Settings, Validation, functions_of, parts_of, stopping_of
from nngraph.train.gradients import loss_and_gradients
from nngraph.train.history import History
from nngraph.train.loop import Callback
from nngraph.train.prediction import Answer, Predictor, predict
from nngraph.train.signature import signature_of
from nngraph.train.trainee import Trainee, checkpoint_of, need_objective, need_optimizer, prepared, train

if TYPE_CHECKING:
    from nngraph.compiler import Purpose
    from nngraph.declare.graph import Graph
    from nngraph.draw.drawing import Drawing


def compile(
    graph: Graph, *, loss: Any = None, optimizer: Any = None, device: str = "cpu", threads: int | None = None,
    dtype: str = "float32", precision: str = "full", products: str = "own", seed: int = 0, regularizer: Any = None,
) -> Model:  # fmt: skip
    """Make a model of a graph.

    Parameters
    ----------
    graph : Graph
    loss : str, Loss or mapping
        By name, as an instance, or as ``{"type": name, ...}``; a mapping from outputs to losses where there are
        several outputs. By default that of the graph's file; a model without one only predicts.
    optimizer : str, Optimizer or mapping
        By default that of the graph's file; a model without one cannot be trained.
    device : {"cpu", "cuda"}
    threads : int, optional
        By default as many as the process may use. Results do not depend on it.
    dtype : {"float32", "float64"}
        What "float" is.
    precision : {"full", "mixed", "bfloat16", "float16"}
        As what activations and their cotangents of float32 are kept, on "cuda"; "mixed" is "bfloat16". Arithmetic,
        parameters, statistics and losses stay in float32; with "float16" the loss is scaled on the way back.
    products : {"own", "cublas", "cublas_tf32"}
        What does large matrix products on "cuda": kernels of nngraph, or NVIDIA's library, through tensor cores where
        a factor is kept in 16 bits (another one in float32 is rounded to as many for it); with "cublas_tf32" also
        those of float32, whose factors are rounded to 10 bits of mantissa.
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
    precision = checks.check_options(device, threads, dtype, seed, precision, products)
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
    chosen = None if optimizer is None else optimizer_from(optimizer).checked(forward.states)
    programs = Programs(
        declared, objective, chosen, dtype, seed, threads, device=device, precision=precision, products=products
    )  # fmt: skip
    return Model(graph, programs, forward)


class Model:
    """A graph with programs and parameters; `compile` and `load_model` make one.

    Attributes
    ----------
    graph : Graph
        As it was declared.
    programs : Programs
        The compiled programs, over one store of parameters and other states.
    trainee : Trainee
        What training knows of it.
    signature : Signature
        Names, shapes and types of inputs, outputs and targets.
    """

    def __init__(self, graph: Graph, programs: Programs, forward: ForwardGraph) -> None:
        self.graph = graph
        self.programs = programs
        self.signature = signature_of(forward, programs.objective)
        self.trainee = Trainee(graph, programs, self.signature, programs.optimizer)
        self.batch_size = int(graph.training.get("batch_size", 32))
        programs.store.ensure(forward.states)

    @property
    def history(self) -> History:
        """What the last training has measured, one that was interrupted too."""
        return self.trainee.history

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes of the data that the model was trained on."""
        return self.trainee.classes

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
        standardize: bool = False,
        augment: Augment | Mapping[str, Any] | None = None,
        run: str | PathLike[str] | None = None,
        resume: bool = False,
        tensorboard: bool = False,
        progress: bool | None = None,
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
            A factor of the loss of each class's examples, validation apart; "balanced" counts the training part.
        shuffle : bool
            Whether each epoch has an order of its own, which depends on the seed and its number alone.
        early_stopping : EarlyStopping or int, optional
            When to stop before the last epoch; a number is the patience.
        callbacks : callable or sequence of callable
            Each is called with the epoch's number, from 1, and its metrics; True ends the training.
        standardize : bool
            Whether inputs are standardized by the means and deviations of the training data, here and whenever
            data is given to this model: of images (height, width, channels) those of each channel.
        augment : Augment or mapping, optional
            How images are cropped and mirrored at random, in training alone.
        run : path, optional
            A directory for the configuration, ``metrics.jsonl``, and the last and best checkpoints.
        resume : bool
            Go on with a training that was interrupted, in the midst of an epoch too, as if it had not been;
            `epochs` counts from its beginning.
        tensorboard : bool
            Whether the run's directory also gets event files: ``tensorboard --logdir RUN/tensorboard``.
        progress : bool, optional
            Whether progress is shown; by default on a terminal.

        Returns
        -------
        History
            A loss that is summed over the batch stands there, for validation too, for `batch_size` examples.

        Raises
        ------
        DataError
            If the data does not fit the model; before anything is compiled.
        ExecutionError
            If the loss is not finite; the parameters are those before that step.
        KeyboardInterrupt
            After Ctrl-C, which stops at once; parameters, moments and `history` are those of the last step.
        """
        need_objective(self.trainee, "fit")
        need_optimizer(self.trainee)
        data = dataset_of(self.signature, inputs, targets, sample_weight, "fit", self.classes)
        training, held_out = parts_of(self.signature, data, validation, self.programs.seed)
        if class_weight is not None:  # what is validated with keeps the weights that it has
            training = weighted(training, class_weight=class_weight)
        epochs = checks.check_count("epochs", epochs) + (0 if resume else self.trainee.position.epoch)
        settings = Settings(
            epochs, checks.check_count("batch_size", batch_size), shuffle, stopping_of(early_stopping),
            functions_of(callbacks), None if run is None else Path(run), resume, progress,
            augment=augment_from(augment), tensorboard=tensorboard,
        )  # fmt: skip
        self.batch_size = settings.batch_size
        return train(self.trainee, training, held_out, settings, standardize)

    def save(self, path: str | PathLike[str], *, optimizer: bool = True) -> None:
        """Write a checkpoint: one safetensors file, parameters in public layouts, the graph in its metadata.

        With `optimizer` its moments are in it too, so that training can go on from it.
        """
        write(Path(path), checkpoint_of(self.trainee, self.trainee.position, optimizer))

    def export(self, path: str | PathLike[str], to: str | None = None, **options: Any) -> None:
        """Write what the model predicts with as a file for other programs.

        `to` is "onnx", "safetensors" (the weights alone), "python" or "numba"; by default what the path's suffix says.
        Options are, of onnx, ``opset`` (17 to 21) and ``layout`` ("nhwc" or "nchw", of images that enter or leave); of
        safetensors ``convention`` ("nngraph" or "torch", of names and layouts); of numba ``batch``.
        """
        from nngraph.export.targets import export

        export(self.trainee, Path(path), to, options)

    def load_weights(self, path: str | PathLike[str], *, convention: str | None = None) -> None:
        """Take parameters and running statistics by name from a safetensors file, an exported one or another program's.

        `convention` is "nngraph" or "torch"; by default the file's own, or nngraph's where it says none.
        CheckpointError has a line for each tensor that is missing, unexpected or damaged; then none is taken.
        """
        from nngraph.export.weights import import_weights

        import_weights(self.trainee, Path(path), convention=convention)

    def predict(self, inputs: Given | Dataset, *, batch_size: int = ROWS) -> Answer:
        """The outputs for `inputs`, dropout and the like switched off: the only one, or all of them by name.

        Parameters
        ----------
        inputs : array_like, or mapping of str to array_like
            By name where the graph has several inputs; the first axis counts the examples.
        batch_size : int
            Examples in a batch; more need more memory. It changes no result.
        """
        checks.check_count("batch_size", batch_size)
        return predict(self.trainee, inputs, batch_size)

    def predictor(self, batch_size: int = 1) -> Predictor:
        """A function for one batch size that does what `predict` does, many times as fast for a few examples.

        It checks shapes and types alone: NaN is passed on.
        """
        checks.check_count("batch_size", batch_size)
        return Predictor(self.trainee, batch_size)

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
            Examples in a batch; more need more memory. A loss that is a sum over the batch is that over all examples.
        sample_weight : array_like, optional
            Factors of the examples' losses; metrics are unweighted.

        Returns
        -------
        dict of str to float
            "loss" and, by the losses, "accuracy" or "mae"; with ``/<output>`` where there are several losses.
        """
        rows = ROWS if batch_size is None else checks.check_count("batch_size", batch_size)
        need_objective(self.trainee, "evaluate")
        data = dataset_of(self.signature, inputs, targets, sample_weight, name="evaluate", classes=self.classes)
        return evaluate(self.programs, self.signature, prepared(self.trainee, data)[0], rows)

    def loss_and_gradients(
        self, inputs: Given | Dataset, targets: Given | None = None, *, sample_weight: ArrayLike | None = None
    ) -> tuple[float, dict[str, np.ndarray]]:
        """The loss of one batch in training mode, and its gradients; changes no state.

        The regularizer is included, and dropout's masks are those of the step that would come next. Gradients are by
        parameter, in the public layouts; frozen parameters have none.
        """
        need_objective(self.trainee, "loss_and_gradients")
        data = dataset_of(self.signature, inputs, targets, sample_weight, "loss_and_gradients", self.classes)
        return loss_and_gradients(self.programs, prepared(self.trainee, data)[0])

    def parameters(self) -> dict[str, np.ndarray]:
        """Copies of the parameters by ``<node>.<parameter>``, in the public layouts."""
        return self.programs.store.public(("parameter",))

    def statistics(self) -> dict[str, np.ndarray]:
        """Copies of the running statistics by ``<node>.<statistic>``: what is not learned, but follows the data."""
        return self.programs.store.public(("statistic",))

    def set_parameters(self, given: Mapping[str, ArrayLike]) -> None:
        """Set parameters and running statistics, all or some.

        `given` is by ``<node>.<parameter>``, in the public layouts. DataError where a name is unknown, or a shape or a
        value not right; then none is set.
        """
        self.programs.store.assign(checks.check_parameters(self.programs.store.states, given))

    def plan(self, purpose: Purpose = "train", batch: int | None = None) -> Plan:
        """The plan of a program's arena for one batch size."""
        return self.programs.plan(purpose, batch or self.batch_size)

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
        """The source of all kernels of a training step, with the nodes that they compute in its comments."""
        programs, purpose = self.programs, self.main_purpose
        plan = programs.plan(purpose, self.batch_size) if programs.device == "cuda" else None
        return source_text(scheduled(programs.compile(purpose)), programs.device, plan, programs.products != "own")

    def draw(self, path: str | PathLike[str] | None = None, format: str | None = None, **options: Any) -> Drawing:
        """A picture of the graph, or of what a stage makes of its main program; arguments are those of `Graph.draw`."""
        from nngraph.draw.drawing import draw_programs

        return draw_programs(self.programs, self.main_purpose, self.batch_size, path, format, **options)

    def _repr_svg_(self) -> str | None:
        from nngraph.draw.drawing import shown

        return shown(self.graph, "svg")

    def _repr_html_(self) -> str | None:
        from nngraph.draw.drawing import shown

        return shown(self.graph, "html")

    def __repr__(self) -> str:
        size = sum(int(np.prod(s.public_shape)) for s in self.programs.store.states.values() if s.kind == "parameter")
        title = f"<Model '{self.graph.name}': {size:,} parameters, {self.programs.dtype}, outputs "
        return title + ", ".join(self.signature.outputs) + ">"
