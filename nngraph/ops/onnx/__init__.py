"""How ops are said in ONNX, a file a family: the functions that the records of ops hold in their `onnx` facet."""
