"""A run to LiteRT, ONNX or SavedModel, with its explanation."""
