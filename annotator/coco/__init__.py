"""COCO-DensePose files: read as a stream, checked field by field, and written."""
