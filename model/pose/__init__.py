"""The pose estimator: its network, its weights files and its ONNX file. Its weights are MoveNet Thunder's."""
