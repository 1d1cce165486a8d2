"""Pre-label, review and export COCO-DensePose labels of people."""

from annotator.labels.people import People, Person, Provenance

__all__ = ["People", "Person", "Provenance"]
__version__ = "0.1.0"
