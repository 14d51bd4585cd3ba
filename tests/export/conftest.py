"""Without the packages of the extra ``onnx`` only `test_installed.py` is collected, which says so."""

from importlib.util import find_spec

PACKAGES = ("onnx", "onnxruntime")
collect_ignore_glob = [] if all(map(find_spec, PACKAGES)) else ["test_onnx_*.py", "test_every_op.py"]
