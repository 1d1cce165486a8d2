"""Geometry in image pixels: boxes, crops, regions under a brush, and the letterbox of the network."""
