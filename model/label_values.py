"""Values in the label maps of :mod:`model.samples` that are no label. Apart from the losses, since whoever makes samples does
without Keras."""

IGNORE = 255
"""Label of pixels that count in no loss."""
SOME = 254
"""Label of person pixels whose part or chart is unknown: anything but background is right."""
KEYPOINT_PEAK = 254
"""Value of a labelled keypoint heatmap at its peak; heatmaps are stored as 0..254."""
