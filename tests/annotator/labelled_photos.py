"""Small labelled data sets for the tests of evaluation."""

import json
from pathlib import Path

import cv2
import numpy as np

from annotator.coco.encoding import annotation
from annotator.evaluation.ground_truth import DataSet, GroundTruth, find_data_sets, read_ground_truth
from annotator.geometry.label_maps import LabelMaps
from annotator.labels.label_space import CHART_TO_PART
from annotator.labels.people import Person

SIZE = (128, 96)


def figure_at(x: int, y: int, w: int = 30, h: int = 60, **changes) -> Person:
    """A rectangular person with every label: charts 1..24 in rows, U to the right, V down, 17 keypoints."""
    rows, columns = np.mgrid[:h, :w]
    charts = (1 + rows * 24 // h).astype(np.uint8)
    keypoints = np.column_stack([x + np.linspace(2, w - 2, 17), y + np.linspace(2, h - 2, 17), np.ones(17)])
    values = {
        "box": (x, y, w, h),
        "mask": np.ones((h, w), bool),
        "parts": CHART_TO_PART[charts],
        "charts": charts,
        "u": ((columns + 0.5) / w).astype(np.float16),
        "v": ((rows + 0.5) / h).astype(np.float16),
        "keypoints": keypoints.astype(np.float32),
        "visibility": np.full(17, 2, np.uint8),
    }
    return Person(**(values | changes))


def write_data(
    folder: Path, images: list[list[Person]], *, dense: bool = False, image=None, people=None
) -> DataSet:
    """Write a folder of grey photos and labels, one photo per list of people.

    ``image`` are more fields of every image record, ``people`` more fields per annotation, in order.
    """
    (folder / "images").mkdir(parents=True)
    records, annotations = [], []
    more = iter(people or [])
    for number, crowd in enumerate(images):
        name = f"{number}.png"
        assert cv2.imwrite(str(folder / "images" / name), np.full((*SIZE[::-1], 3), 90, np.uint8))
        records.append({"id": number, "file_name": name, "width": SIZE[0], "height": SIZE[1]} | (image or {}))
        for person in crowd:
            ids = {"id": len(annotations) + 1, "image_id": number}
            annotations.append(annotation(person, SIZE) | ids | next(more, {}))
        if dense:
            maps = LabelMaps.paint(crowd, (0, 0, *SIZE))
            iuv = [maps.charts, np.rint(maps.u * 65535), np.rint(maps.v * 65535)]
            (folder / "iuv").mkdir(exist_ok=True)
            assert cv2.imwrite(str(folder / "iuv" / name), np.stack(iuv, axis=-1).astype(np.uint16))
    file = {"images": records, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    (folder / "annotations.json").write_text(json.dumps(file))
    return find_data_sets([folder])[0]


def one(source: DataSet) -> GroundTruth:
    """The only image of a data set."""
    (ground_truth,) = read_ground_truth(source)
    return ground_truth
