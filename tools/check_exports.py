"""Exports models and says how far what others compute from the files is from our own predictions.

    python tools/check_exports.py [MODEL ...]

A line a model, by default all that come with nngraph: the largest difference, as a share of the largest output, of
onnxruntime on an ONNX file for NHWC and one for NCHW (opsets 17 and 21), of the NumPy file, and of the model that the
ONNX file is read back as; and whether that model's declaration is the very one. Parameters and statistics are random.
Needs onnx and onnxruntime.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import nngraph as ng
from nngraph.cli.arguments import load_graph
from nngraph.declare.save import document_of, resolve

MODELS = Path(__file__).resolve().parents[1] / "models"
COLUMNS = ("onnx nhwc", "onnx nchw", "numpy", "read back")
LIMIT = 1e-5
Arrays = dict[str, np.ndarray]


def main(paths: list[Path]) -> int:
    """Check each model; return how many are beyond the limit or come back as another."""
    print(f"{'model':<28}" + "".join(f"{name:>11}" for name in COLUMNS) + "  declaration")
    worse = 0
    for path in paths or [*sorted(MODELS.rglob("*.json")), *sorted(MODELS.glob("*.py"))]:
        with tempfile.TemporaryDirectory() as folder:
            found, same = check(path, Path(folder))
        worse += max(found) > LIMIT or not same
        print(f"{path.stem:<28}" + "".join(f"{x:>11.1e}" for x in found) + f"  {'same' if same else 'another'}")
    print(f"{worse} beyond {LIMIT:g} or another" if worse else f"all within {LIMIT:g}")
    return worse


def check(path: Path, folder: Path) -> tuple[list[float], bool]:
    """The differences in the order of the columns, and whether the declaration comes back."""
    model = with_random_states(ng.compile(load_graph(path)))
    inputs, random = Arrays(), np.random.default_rng(1)
    for name, array in model.signature.inputs.items():
        inputs[name] = random.normal(size=(2, *array.shape)).astype(array.dtype)
    expected = outputs(model, model.predict(inputs))
    found: list[Arrays] = []
    for layout, opset in (("nhwc", 17), ("nchw", 21)):
        file = folder / f"{layout}.onnx"
        model.export(file, layout=layout, opset=opset)
        found.append(run(file, channels_first(inputs) if layout == "nchw" else inputs))
    model.export(folder / "model.py", to="python")
    found.append(outputs(model, imported(folder / "model.py").predict(*inputs.values())))
    again = ng.import_onnx(folder / "nhwc.onnx")
    found.append(outputs(again, again.predict(inputs)))
    return [distance(each, expected) for each in found], plain(again.graph) == plain(model.graph)


def with_random_states(model: ng.Model) -> ng.Model:
    """Give it parameters and statistics that are none of those that it begins with."""
    random = np.random.default_rng(0)
    model.set_parameters({
        name: random.uniform(0.5, 2, x.shape) if name.endswith("variance") else x + 0.1 * random.normal(size=x.shape)
        for name, x in {**model.parameters(), **model.statistics()}.items()
    })  # fmt: skip
    return model


def run(file: Path, inputs: Arrays) -> Arrays:
    """The outputs of an ONNX file in onnxruntime, by name."""
    session: Any = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def imported(file: Path) -> Any:
    """The module of a NumPy file."""
    spec = importlib.util.spec_from_file_location("exported", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outputs(model: ng.Model, found: np.ndarray | Arrays) -> Arrays:
    """Outputs by name, where a single one comes without."""
    return found if isinstance(found, dict) else {next(iter(model.signature.outputs)): found}


def channels_first(arrays: Arrays) -> Arrays:
    """Images in the layout NCHW."""
    return {name: x.transpose(0, 3, 1, 2) if x.ndim == 4 else x for name, x in arrays.items()}


def distance(found: Arrays, expected: Arrays) -> float:
    """The largest difference as a share of the largest output; infinite where outputs or shapes are others."""
    if found.keys() != expected.keys() or any(found[name].shape != x.shape for name, x in expected.items()):
        return float("inf")
    return max(float(np.abs(found[name] - x).max() / max(np.abs(x).max(), 1e-30)) for name, x in expected.items())


def plain(graph: ng.Graph) -> object:
    """The declaration, with all that is drawn written out, as JSON gives it back."""
    return json.loads(json.dumps(document_of(resolve(graph)), default=np.ndarray.tolist))


if __name__ == "__main__":
    sys.exit(bool(main([Path(each) for each in sys.argv[1:]])))
