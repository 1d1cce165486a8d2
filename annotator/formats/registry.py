"""The formats of label files: what they are called, how they are read and written, and what they can hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from annotator.coco.reader import read_coco
from annotator.coco.writer import CocoWriter
from annotator.formats.cvat import CvatWriter, read_cvat
from annotator.formats.densepose_dump import DensePoseDumpWriter, read_densepose_dump
from annotator.formats.label_studio import LabelStudioWriter, read_label_studio
from annotator.formats.labelme import LabelmeWriter, read_labelme
from annotator.formats.names import COCO, LABELS
from annotator.formats.values import FormatError
from annotator.formats.writer import KINDS, Writer
from annotator.formats.yolo import YoloPoseWriter, YoloSegWriter, read_yolo
from annotator.labels.people import People


@dataclass(frozen=True)
class Format:
    """A format."""

    name: str
    """As options have it."""
    reads: str
    """What there is to read, for humans."""
    suffix: str
    """Of the file that is written; empty for a folder."""
    read: Callable[[Path, Path, dict[str, str]], Iterator[People]]
    """Of a path, the folder of the photos, and a dict for failures by the photo's name."""
    writer: type[Writer] | type[CocoWriter]

    @property
    def label(self) -> str:
        """Its name for humans."""
        return LABELS[self.name]

    @property
    def is_folder(self) -> bool:
        """Whether a folder is written, and may be read."""
        return not self.suffix

    def is_readable(self, path: Path) -> bool:
        """Whether there is a file, or a folder where it may be one, at a path."""
        return path.is_file() or (self.is_folder and path.is_dir())

    @property
    def holds(self) -> frozenset[str]:
        """Of :data:`annotator.formats.writer.KINDS`, what it can hold."""
        return frozenset(KINDS) if self.writer is CocoWriter else self.writer.holds

    @property
    def mask_iou(self) -> float:
        """As of :class:`annotator.formats.writer.Writer`."""
        return 1.0 if self.writer is CocoWriter else self.writer.mask_iou

    @property
    def keypoints_outside(self) -> bool:
        """As of :class:`annotator.formats.writer.Writer`."""
        return self.writer is CocoWriter or self.writer.keypoints_outside


FORMATS: dict[str, Format] = {
    kind.name: kind
    for kind in (
        # Its reader and writer take other arguments.
        Format(COCO, "JSON file", ".json", lambda path, *_: read_coco(path), CocoWriter),
        Format("cvat", "XML file", ".xml", read_cvat, CvatWriter),
        Format("label-studio", "JSON file", ".json", read_label_studio, LabelStudioWriter),
        Format("labelme", "JSON file, or folder with one per photo", "", read_labelme, LabelmeWriter),
        Format("yolo-pose", "data.yaml, or its folder", "", read_yolo, YoloPoseWriter),
        Format("yolo-seg", "data.yaml, or its folder", "", read_yolo, YoloSegWriter),
        Format(
            "densepose-dump",
            "dump of apply_net.py, or JSON",
            ".pkl",
            read_densepose_dump,
            DensePoseDumpWriter,
        ),
    )
}
"""By the names that options have for them."""


def find_format(name: str) -> Format:
    """The format of a name.

    Raises:
        FormatError: there is none.
    """
    if name not in FORMATS:
        raise FormatError(f"format: {name!r} is none of {', '.join(FORMATS)}")
    return FORMATS[name]
