"""From photos to people: the network in ONNX Runtime and what is made of its maps."""
