"""nngraph: neural networks declared as graphs, compiled into native programs of fused Numba kernels.

The public names are loaded when they are first used (PEP 562), so that ``import nngraph`` and the command
line's ``--help`` import neither NumPy, networkx, Numba nor ONNX.
"""

from __future__ import annotations

import gc
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from nngraph.declare.graph import Graph as Graph
    from nngraph.declare.load import load as load
    from nngraph.declare.networkx_graph import from_networkx as from_networkx
    from nngraph.declare.randwire import randwire as randwire
    from nngraph.declare.schema import schema as schema
    from nngraph.declare.unroll import unroll as unroll
    from nngraph.declare.value import Value as Value
    from nngraph.errors import CheckpointError as CheckpointError
    from nngraph.errors import CompilationError as CompilationError
    from nngraph.errors import DataError as DataError
    from nngraph.errors import DeclarationError as DeclarationError
    from nngraph.errors import Errors as Errors
    from nngraph.errors import ExecutionError as ExecutionError
    from nngraph.errors import NNGraphError as NNGraphError
    from nngraph.errors import OptionError as OptionError
    from nngraph.interchange import import_onnx as import_onnx
    from nngraph.ir.op import Absent as Absent
    from nngraph.ir.op import Attribute as Attribute
    from nngraph.ir.op import ErrorSample as ErrorSample
    from nngraph.ir.op import Op as Op
    from nngraph.ir.op import Parameter as Parameter
    from nngraph.ir.op import Sample as Sample
    from nngraph.ir.op import register_op as register_op
    from nngraph.loading import load_model as load_model
    from nngraph.model import Model as Model
    from nngraph.model import compile as compile
    from nngraph.ops.initializer import ConstantValue as ConstantValue
    from nngraph.ops.initializer import GlorotNormal as GlorotNormal
    from nngraph.ops.initializer import GlorotUniform as GlorotUniform
    from nngraph.ops.initializer import HeNormal as HeNormal
    from nngraph.ops.initializer import HeUniform as HeUniform
    from nngraph.ops.initializer import LeCunNormal as LeCunNormal
    from nngraph.ops.initializer import LeCunUniform as LeCunUniform
    from nngraph.ops.initializer import Normal as Normal
    from nngraph.ops.initializer import Uniform as Uniform
    from nngraph.ops.loss import BinaryCrossEntropy as BinaryCrossEntropy
    from nngraph.ops.loss import CrossEntropy as CrossEntropy
    from nngraph.ops.loss import Huber as Huber
    from nngraph.ops.loss import L1Loss as L1Loss
    from nngraph.ops.loss import MeanSquaredError as MeanSquaredError
    from nngraph.ops.loss import MulticlassHinge as MulticlassHinge
    from nngraph.ops.loss import SumSquaredError as SumSquaredError
    from nngraph.ops.optimizer import SGD as SGD
    from nngraph.ops.optimizer import Adagrad as Adagrad
    from nngraph.ops.optimizer import Adam as Adam
    from nngraph.ops.optimizer import AdamW as AdamW
    from nngraph.ops.optimizer import RMSprop as RMSprop
    from nngraph.ops.regularizer import L1 as L1
    from nngraph.ops.regularizer import L2 as L2
    from nngraph.ops.regularizer import ElasticNet as ElasticNet
    from nngraph.ops.schedule import Constant as Constant
    from nngraph.ops.schedule import Cosine as Cosine
    from nngraph.ops.schedule import Exponential as Exponential
    from nngraph.ops.schedule import Step as Step
    from nngraph.ops.schedule import WarmUp as WarmUp
    from nngraph.ops.wiring import BA as BA
    from nngraph.ops.wiring import ER as ER
    from nngraph.ops.wiring import WS as WS
    from nngraph.ops.wiring import Chain as Chain
    from nngraph.ops.wiring import DenseBlock as DenseBlock
    from nngraph.ops.wiring import ResidualChain as ResidualChain
    from nngraph.train.data.augment import Augment as Augment
    from nngraph.train.early_stopping import EarlyStopping as EarlyStopping
    from nngraph.train.history import History as History

PUBLIC: dict[str, tuple[str, ...]] = {
    "nngraph.declare.graph": ("Graph",),
    "nngraph.declare.load": ("load",),
    "nngraph.declare.networkx_graph": ("from_networkx",),
    "nngraph.declare.randwire": ("randwire",),
    "nngraph.declare.schema": ("schema",),
    "nngraph.declare.unroll": ("unroll",),
    "nngraph.declare.value": ("Value",),
    "nngraph.errors": (
        "CheckpointError", "CompilationError", "DataError", "DeclarationError", "Errors", "ExecutionError",
        "NNGraphError", "OptionError",
    ),
    "nngraph.interchange": ("import_onnx",),
    "nngraph.ir.op": ("Absent", "Attribute", "ErrorSample", "Op", "Parameter", "Sample", "register_op",),
    "nngraph.loading": ("load_model",),
    "nngraph.model": ("Model", "compile"),
    "nngraph.ops.initializer": (
        "ConstantValue", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LeCunNormal",
        "LeCunUniform", "Normal", "Uniform",
    ),
    "nngraph.ops.loss": (
        "BinaryCrossEntropy", "CrossEntropy", "Huber", "L1Loss", "MeanSquaredError", "MulticlassHinge",
        "SumSquaredError",
    ),
    "nngraph.ops.optimizer": ("SGD", "Adagrad", "Adam", "AdamW", "RMSprop",),
    "nngraph.ops.regularizer": ("L1", "L2", "ElasticNet",),
    "nngraph.ops.schedule": ("Constant", "Cosine", "Exponential", "Step", "WarmUp",),
    "nngraph.ops.wiring": ("BA", "ER", "WS", "Chain", "DenseBlock", "ResidualChain"),
    "nngraph.train.data.augment": ("Augment",),
    "nngraph.train.early_stopping": ("EarlyStopping",),
    "nngraph.train.history": ("History",),
}  # fmt: skip
MODULES = {name: module for module, names in PUBLIC.items() for name in names}
__all__ = sorted(MODULES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return installed_version()
    module = MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'nngraph' has no attribute '{name}'")
    # Collections while modules load find nothing, and take a quarter of the time to a first step.
    collects = gc.isenabled()
    gc.disable()
    try:
        found = globals()[name] = getattr(importlib.import_module(module), name)
    finally:
        if collects:
            gc.enable()
    return found


def installed_version() -> str:
    """The version of the installed distribution; "unknown" where the sources are used without installing them."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("nngraph")
    except PackageNotFoundError:
        return "unknown"


def __dir__() -> list[str]:
    return sorted({*globals(), *MODULES})
