"""The tools' own parsers and writers, run by test_real_tools.py in an environment that has them: ``real_tools.py TOOL FOLDER``.

``FOLDER`` has ``truth.npz``, with masks (n, H, W), keypoints (n, 17, 2), their visibility (n, 17), charts (n, h, w), U, V (n, 2, h, w)
and boxes (n, 4), and what was written for the tool. What the tool read goes to ``read.npz``, what it wrote to files beside it.
"""

import json
import pickle
import sys
import types
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

MISSING = 77
"""The exit code where the tool is not installed."""


def cvat(folder: Path, truth: dict) -> dict:
    from cvat_sdk.masks import decode_mask, encode_mask

    height, width = truth["masks"].shape[1:]
    tree = ElementTree.parse(folder / "labels.xml")
    masks, keypoints = [], []
    for mask in tree.iter("mask"):
        left, top, w, h = (int(mask.get(side)) for side in ("left", "top", "width", "height"))
        points = [*map(int, mask.get("rle").split(",")), left, top, left + w - 1, top + h - 1]
        masks.append(decode_mask(points, image_width=width, image_height=height))
    for skeleton in tree.iter("skeleton"):
        keypoints.append(
            [[float(x) for x in point.get("points").split(",")] for point in skeleton.iter("points")]
        )
    elements = []
    for mask in truth["masks"]:
        *runs, left, top, right, bottom = encode_mask(mask)
        place = f'left="{left}" top="{top}" width="{right - left + 1}" height="{bottom - top + 1}"'
        elements.append(
            f'<mask label="person" occluded="0" rle="{str(runs)[1:-1]}" {place} z_order="0"></mask>'
        )
    image = f'<image id="0" name="a.jpg" width="{width}" height="{height}">'
    (folder / "written.xml").write_text(f"<annotations>{image}{''.join(elements)}</image></annotations>")
    return {"masks": masks, "keypoints": keypoints}


def label_studio(folder: Path, truth: dict) -> dict:
    from label_studio_sdk.converter.brush import decode_rle, mask2rle

    height, width = truth["masks"].shape[1:]
    (task,) = json.loads((folder / "labels.json").read_text())
    (result,) = (entry["result"] for entry in task["annotations"] + task["predictions"])
    shape = (height, width, 4)
    masks = [
        decode_rle(region["value"]["rle"]).reshape(shape)[..., 3] > 0
        for region in result
        if region["type"] == "brushlabels"
    ]
    common = {"original_width": width, "original_height": height, "image_rotation": 0, "type": "brushlabels"}
    regions = [
        common
        | {
            "id": str(i),
            "value": {
                "format": "rle",
                "rle": mask2rle(255 * mask.astype(np.uint8)),
                "brushlabels": ["person"],
            },
        }
        for i, mask in enumerate(truth["masks"])
    ]
    written = [{"data": {"image": "a.jpg"}, "annotations": [{"result": regions}]}]
    (folder / "written.json").write_text(json.dumps(written))
    return {"masks": masks}


def labelme(folder: Path, truth: dict) -> dict:
    from labelme._label_file import read_label_file, write_label_file
    from labelme.utils import img_arr_to_b64

    height, width = truth["masks"].shape[1:]
    data = read_label_file(str(folder / "labels" / "a.json"))
    masks, keypoints = [], {}
    for shape in data.shapes:
        points = np.array(shape["points"])
        if shape["shape_type"] == "mask":
            (x0, y0), (x1, y1) = points.astype(int)
            masks.append(np.zeros((height, width), bool))
            masks[-1][y0 : y1 + 1, x0 : x1 + 1] = shape["mask"]
        else:
            keypoints.setdefault(shape["group_id"], []).append(points[0])
    shapes = []
    for mask in truth["masks"]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        corners = [[int(columns[0]), int(rows[0])], [int(columns[-1]), int(rows[-1])]]
        pixels = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        shape = {"label": "person", "points": corners, "shape_type": "mask", "group_id": None, "flags": {}}
        shapes.append(shape | {"description": "", "mask": img_arr_to_b64(pixels.astype(np.uint8))})
    write_label_file(
        str(folder / "written.json"),
        shapes=shapes,
        image_path="photos/a.jpg",
        image_height=height,
        image_width=width,
    )
    return {"masks": masks, "seen": np.concatenate([keypoints[key] for key in sorted(keypoints)])}


def _labels(folder: Path, task: str) -> dict:
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    data = check_det_dataset(str(folder / "labels" / "data.yaml"))
    (labels,) = YOLODataset(img_path=data["train"], data=data, task=task, augment=False).labels
    return labels


def yolo_seg(folder: Path, truth: dict) -> dict:
    from ultralytics.data.converter import merge_multi_segment
    from ultralytics.data.utils import polygons2masks

    height, width = truth["masks"].shape[1:]
    segments = [segment * (width, height) for segment in _labels(folder, "segment")["segments"]]
    # Two pieces, as it joins those of COCO.
    pieces = [
        [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0],
        [50.0, 20.0, 70.0, 20.0, 70.0, 60.0, 50.0, 60.0],
    ]
    joined = np.concatenate(merge_multi_segment(pieces), axis=0) / (width, height)
    (folder / "written" / "images").mkdir(parents=True)
    (folder / "written" / "images" / "a.jpg").write_bytes((folder / "photos" / "a.jpg").read_bytes())
    (folder / "written" / "labels").mkdir()
    line = " ".join(["0", *map(str, joined.ravel().tolist())])
    (folder / "written" / "labels" / "a.txt").write_text(line)
    (folder / "written" / "data.yaml").write_text("train: images\nval: images\nnames: [person]\n")
    return {"masks": polygons2masks((height, width), segments, 1) > 0}


def yolo_pose(folder: Path, truth: dict) -> dict:
    height, width = truth["masks"].shape[1:]
    keypoints = _labels(folder, "pose")["keypoints"]
    return {"keypoints": keypoints[..., :2] * (width, height), "visibility": keypoints[..., 2]}


def densepose_dump(folder: Path, truth: dict) -> dict:
    import torch

    # As detectron2's classes, which need its compiled parts to be imported.
    module = types.ModuleType("densepose.structures.chart_result")
    for name in (
        "DensePoseChartResultWithConfidences",
        "DensePoseChartResult",
        "DensePoseChartResultQuantized",
    ):
        setattr(module, name, type(name, (), {"__module__": module.__name__}))
    sys.modules |= {"densepose": module, "densepose.structures": module, module.__name__: module}
    (entry,) = torch.load(folder / "labels.pkl", weights_only=False)
    results = entry["pred_densepose"]
    charts, uv = (torch.stack([getattr(result, name) for result in results]) for name in ("labels", "uv"))

    quantized = []
    for result in results:
        found = module.DensePoseChartResultQuantized()
        found.labels_uv_uint8 = torch.cat(
            [result.labels[None].byte(), (result.uv * 255).clamp(0, 255).byte()]
        )
        quantized.append(found)
    torch.save([entry | {"pred_densepose": quantized}], folder / "quantized.pkl")
    torch.save([entry], folder / "written.pkl")
    torch.save([entry], folder / "legacy.pkl", _use_new_zipfile_serialization=False)
    (folder / "plain.pkl").write_bytes(pickle.dumps([entry]))
    assert (charts.dtype, uv.dtype) == (torch.int64, torch.float32)
    return {"charts": charts.numpy(), "uv": uv.numpy(), "boxes": entry["pred_boxes_XYXY"].numpy()}


def main(tool: str, folder: Path) -> int:
    with np.load(folder / "truth.npz") as file:
        truth = dict(file)
    try:
        read = globals()[tool.replace("-", "_")](folder, truth)
    except ImportError as error:
        print(error)
        return MISSING
    np.savez(folder / "read.npz", **read)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
