"""Inference in onnxruntime, of the network that PyTorch's exporter makes (`peers.export_onnx`)."""

from __future__ import annotations

import numpy as np
import onnxruntime
from peers.inference import Ask
from peers.task import Task

VERSION = onnxruntime.__version__


def predictor(task: Task) -> Ask:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = task.threads
    session = onnxruntime.InferenceSession(task.folder / "network.onnx", options, ["CPUExecutionProvider"])
    (given,), (output,) = session.get_inputs(), session.get_outputs()
    images = task.x.ndim == 4

    def ask(x: np.ndarray) -> np.ndarray:
        # The exported network has channels first; a caller who knows that would hold images so.
        return session.run([output.name], {given.name: x.transpose(0, 3, 1, 2) if images else x})[0]

    return ask
