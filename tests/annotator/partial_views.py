"""Views of a dataset that show its people in part."""


def heads(dataset):
    """A view of no part but the heads."""
    from fiftyone import ViewField

    return dataset.filter_labels("dp_parts", ViewField("label") == "head")


PARTIAL_VIEWS = [
    heads,
    lambda dataset: dataset.select_fields("dp_people"),
    lambda dataset: dataset.exclude_fields(["dp_people", "dp_source"]),
]
"""Functions of a dataset."""
