"""ONNX files: written from a model, and read as one."""
