"""The names of the formats, for whoever only asks for one."""

COCO = "coco"
"""COCO-DensePose, the format that holds everything."""
LABELS = {
    COCO: "COCO-DensePose",
    "cvat": "CVAT for images 1.1",
    "label-studio": "Label Studio",
    "labelme": "labelme",
    "yolo-pose": "YOLO pose",
    "yolo-seg": "YOLO segmentation",
    "densepose-dump": "DensePose results",
}
"""For humans, by the names that options have for them."""
