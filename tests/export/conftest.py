"""Without the packages of the extra ``onnx`` these tests say so and are skipped."""

import pytest

for name in ("onnx", "onnxruntime"):
    pytest.importorskip(name, reason=f"{name} is not installed: pip install 'nngraph[onnx]'")
