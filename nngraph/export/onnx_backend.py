"""An ONNX backend: `onnx.backend.base.Backend` over nngraph's compiler and kernels.

    import onnx, nngraph.export.onnx_backend as backend
    outputs = backend.run_model(onnx.load("model.onnx"), [x])

A model is compiled when it is first run, for the shapes that it is given. Integers of 64 bits are computed with in 32:
an input that does not fit is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from onnx import ModelProto
from onnx.backend.base import Backend, BackendRep

from nngraph.export.onnx.open import check_model
from nngraph.export.onnx.run import Prepared


class NNGraphRep(BackendRep):
    """A model that is ready to run.

    Parameters
    ----------
    prepared : Prepared
    """

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared

    def run(self, inputs: Any, **kwargs: Any) -> tuple[np.ndarray, ...]:
        """The outputs for `inputs`: arrays in order, one array, or a mapping by name."""
        del kwargs
        if isinstance(inputs, Mapping):
            return tuple(self.prepared.run(cast("Mapping[str, np.ndarray]", inputs)))
        arrays = cast("Sequence[np.ndarray]", inputs if isinstance(inputs, Sequence) else [inputs])
        return tuple(self.prepared.run(dict(zip(self.prepared.input_names(), arrays, strict=False))))


class NNGraphBackend(Backend):
    """nngraph as ONNX's test suite and other tools know backends."""

    @classmethod
    def prepare(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> NNGraphRep:
        """Check a model.

        Parameters
        ----------
        model : onnx.ModelProto
        device : {"CPU"}
        threads : int, optional
            By default as many as the process may use.

        Raises
        ------
        DeclarationError
            If it is no valid model.
        """
        if not cls.supports_device(device):
            raise ValueError(f"device: {device!r} given, 'CPU' expected")
        return NNGraphRep(Prepared(check_model(model), kwargs.get("threads")))

    @classmethod
    def run_model(cls, model: ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[np.ndarray, ...]:
        """The outputs of a model for `inputs`."""
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device.upper().partition(":")[0] == "CPU"


prepare = NNGraphBackend.prepare
run_model = NNGraphBackend.run_model
supports_device = NNGraphBackend.supports_device
is_compatible = NNGraphBackend.is_compatible
