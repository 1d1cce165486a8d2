"""Names, types and colours of the fields that hold people in a FiftyOne dataset."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.labels.label_space import CHART_COLOURS, CHARTS, KEYPOINTS, PART_COLOURS, PARTS, SKELETON
from annotator.labels.messages import short
from annotator.labels.people import TASKS
from annotator.labels.quality import ISSUES

if TYPE_CHECKING:
    import fiftyone as fo

PERSON = "person"
"""Label of people and of their keypoints."""
POSSIBLE_PERSON = "possible person"
"""Label of possible people."""
MIN_ISSUE_SCORE = 0.3
"""An issue score from here on is among a person's ``reasons``."""
PERSON_COLOURS = ("#ff9f1c", "#2ec4b6", "#e71d36", "#7b61ff", "#9be564", "#ff66c4", "#3a86ff", "#ffd60a")
"""Of an image's people by their index, from 1; they repeat from the ninth person on."""
SURFACE_COLOURS = {"u": "viridis", "v": "bluered"}
"""Names of plotly's colour scales."""
_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,39}")


class FieldError(ValueError):
    """A prefix or a dataset that cannot hold the fields; the message says why."""


@dataclass(frozen=True)
class Fields:
    """Names of the label fields, which all start with the prefix.

    Raises:
        FieldError: the prefix is not a name.
    """

    prefix: str = "dp"

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise FieldError(
                f"field prefix {short(self.prefix)}: use 1 to 40 small letters, digits and _, "
                "starting with a letter"
            )

    @property
    def people(self) -> str:
        """``Detections`` with masks, one per person."""
        return f"{self.prefix}_people"

    @property
    def parts(self) -> str:
        """``Detections`` with masks, one per part and person; they share the person's ``Instance``."""
        return f"{self.prefix}_parts"

    @property
    def keypoints(self) -> str:
        """``Keypoints``, one per person; they share the person's ``Instance``."""
        return f"{self.prefix}_keypoints"

    @property
    def charts(self) -> str:
        """``Segmentation`` on disk, charts 0..24."""
        return f"{self.prefix}_charts"

    @property
    def u(self) -> str:
        """``Heatmap`` on disk, 16 bit."""
        return f"{self.prefix}_u"

    @property
    def v(self) -> str:
        """``Heatmap`` on disk, 16 bit."""
        return f"{self.prefix}_v"

    @property
    def possible(self) -> str:
        """``Detections``, the boxes of people whom the labels may lack and nobody has decided about."""
        return f"{self.prefix}_possible"

    @property
    def image_id(self) -> str:
        """The image's id in COCO files."""
        return f"{self.prefix}_image_id"

    @property
    def failure(self) -> str:
        """Why the photo could not be annotated."""
        return f"{self.prefix}_failure"

    @property
    def issue_score(self) -> str:
        """How much looks wrong on the photo, 0..1: the issues of all people that nobody approved or rejected, and the
        scores of possible people."""
        return f"{self.prefix}_issue_score"

    @property
    def source(self) -> str:
        """Dict that tells edited labels from written ones, see :mod:`annotator.dataset.sample_people`."""
        return f"{self.prefix}_source"

    @property
    def names(self) -> list[str]:
        """The names of all fields."""
        return list(_types(self))


def check_photos(samples: fo.core.collections.SampleCollection) -> None:
    """Check that a dataset or view is of photos.

    Raises:
        FieldError: the samples are not single images, or the view is of patches, frames or clips.
    """
    # The dataset's, not the view's: one slice of groups is images, too, but the fields are those of all slices.
    media_type = samples._dataset.media_type
    if media_type not in ("image", None):
        raise FieldError(
            f"{samples._dataset.name!r} holds {media_type} samples: people are labelled on images"
        )
    if samples._is_generated:
        raise FieldError(
            "labels are written to whole images: leave the view of patches, frames or clips first"
        )


def check_fields(samples: fo.core.collections.SampleCollection, fields: Fields) -> None:
    """Check that samples can hold people in these fields.

    Raises:
        FieldError: as :func:`check_photos`, or a field of one of these names has another type.
    """
    check_photos(samples)
    schema = samples._dataset.get_field_schema()
    for name, kind in _types(fields).items():
        found = schema.get(name)
        kinds = {type(found), getattr(found, "document_type", None)}
        if found is not None and kind not in kinds:
            raise FieldError(f"the dataset has a field {name!r} of another type: choose another prefix")


def check_people(samples: fo.core.collections.SampleCollection, fields: Fields) -> None:
    """Check that a dataset has people in these fields.

    Raises:
        FieldError: as :func:`check_fields`, or it has none.
    """
    check_fields(samples, fields)
    dataset = samples._dataset
    if not dataset.has_sample_field(fields.people):
        raise FieldError(
            f"{dataset.name!r} has no field {fields.people!r}: annotate or import people first, or choose "
            "another prefix"
        )


def require_fields(dataset: fo.Dataset, names: Iterable[str] = ()) -> None:
    """Check that a dataset and fields of it are still there: the database is asked, where anybody may delete them during a
    run.

    Raises:
        FieldError: the dataset, or a field, was deleted or renamed.
    """
    from fiftyone.core.odm import get_db_conn

    found = get_db_conn().datasets.find_one({"_id": dataset._doc.id}, ["sample_fields.name"])
    if found is None:
        raise FieldError(f"the dataset {dataset.name!r} was deleted meanwhile")
    gone = set(names) - {field["name"] for field in found["sample_fields"]}
    if gone:
        raise FieldError(
            f"{dataset.name!r} has no field {', '.join(map(repr, sorted(gone)))} any more: deleted or renamed meanwhile. "
            "What was saved before is kept; bring the field back, or begin anew"
        )


def find_prefixes(dataset: fo.Dataset) -> list[str]:
    """Prefixes of all label fields in a dataset."""
    schema = dataset.get_field_schema()
    return [
        name.removesuffix("_people")
        for name in schema
        if name.endswith("_people") and name.removesuffix("_people") + "_source" in schema
    ]


def declare_fields(dataset: fo.Dataset, fields: Fields) -> None:
    """Declare the label fields in a dataset, with skeleton, class names and colours.

    What is there already stays, except that the App is set to colour labels by their values when a prefix is new.

    Raises:
        FieldError: as :func:`check_fields`.
    """
    import fiftyone as fo

    check_fields(dataset, fields)
    known = dataset.get_field_schema(flat=True)
    # All at once: ``add_sample_field`` reads the dataset anew for each field.
    dataset.add_dynamic_sample_fields(
        {path: field for path, field in _schema(fields).items() if path not in known}
    )

    dataset.mask_targets = {fields.charts: dict(enumerate(CHARTS[1:], 1)), **dataset.mask_targets}
    skeleton = fo.KeypointSkeleton(labels=list(KEYPOINTS), edges=[list(limb) for limb in SKELETON])
    dataset.skeletons = {fields.keypoints: skeleton, **dataset.skeletons}
    _add_colours(dataset, fields)
    if fields.people not in known:
        # The App draws parts and charts in the colours of their values only with this setting.
        dataset.app_config.color_scheme.color_by = "value"
        _hide_surface(dataset, fields)
    dataset.save()


def _types(fields: Fields) -> dict[str, type]:
    import fiftyone as fo

    return {
        fields.people: fo.Detections,
        fields.parts: fo.Detections,
        fields.keypoints: fo.Keypoints,
        fields.charts: fo.Segmentation,
        fields.u: fo.Heatmap,
        fields.v: fo.Heatmap,
        fields.possible: fo.Detections,
        fields.image_id: fo.IntField,
        fields.failure: fo.StringField,
        fields.issue_score: fo.FloatField,
        fields.source: fo.DictField,
    }


def _schema(fields: Fields) -> dict[str, fo.Field]:
    """The types of all fields and of the attributes of people and keypoints, by their paths."""
    import fiftyone as fo

    schema = {
        name: fo.EmbeddedDocumentField(kind) if issubclass(kind, fo.Label) else kind()
        for name, kind in _types(fields).items()
    }
    attributes = {
        "review": fo.StringField(),
        "model": fo.StringField(),
        "time": fo.StringField(),
        "author": fo.StringField(),
        "comment": fo.StringField(),
        "edited": fo.BooleanField(),
        "annotation_id": fo.IntField(),
        "crowd": fo.BooleanField(),
        **{f"quality_{task}": fo.FloatField() for task in TASKS},
        **{f"issue_{name}": fo.FloatField() for name in ISSUES},
        "issue_score": fo.FloatField(),
        "reasons": fo.ListField(fo.StringField()),
    }
    schema |= {f"{fields.people}.detections.{name}": field for name, field in attributes.items()}
    schema[f"{fields.keypoints}.keypoints.visibility"] = fo.ListField(fo.IntField())
    return schema


def _add_colours(dataset: fo.Dataset, fields: Fields) -> None:
    """Add the colours of fields that the dataset's colour scheme lacks."""
    import fiftyone as fo

    scheme = dataset.app_config.color_scheme or fo.ColorScheme(show_skeletons=True, opacity=0.6)
    parts = [{"value": name, "color": _hex(c)} for name, c in zip(PARTS[1:], PART_COLOURS[1:], strict=True)]
    charts = [{"intTarget": i, "color": _hex(c)} for i, c in enumerate(CHART_COLOURS[1:], 1)]
    people = [{"value": str(i), "color": PERSON_COLOURS[(i - 1) % len(PERSON_COLOURS)]} for i in range(1, 65)]
    ours = [
        {"path": fields.people, "fieldColor": "#ff9f1c", "colorByAttribute": "index", "valueColors": people},
        {"path": fields.parts, "fieldColor": "#5599ff", "colorByAttribute": "label", "valueColors": parts},
        {
            "path": fields.keypoints,
            "fieldColor": "#ffffff",
            "colorByAttribute": "index",
            "valueColors": people,
        },
        {"path": fields.charts, "fieldColor": "#8dd35f", "maskTargetsColors": charts},
        {"path": fields.u, "fieldColor": "#21918c"},
        {"path": fields.v, "fieldColor": "#aa00aa"},
        {
            "path": fields.possible,
            "fieldColor": "#ffffff",
            "colorByAttribute": "label",
            "valueColors": [{"value": POSSIBLE_PERSON, "color": "#ffffff"}],
        },
    ]
    scheme.fields = _with_missing(scheme.fields, ours)
    scales = [{"path": getattr(fields, name), "name": scale} for name, scale in SURFACE_COLOURS.items()]
    scheme.colorscales = _with_missing(scheme.colorscales, scales)
    dataset.app_config.color_scheme = scheme


def _hide_surface(dataset: fo.Dataset, fields: Fields) -> None:
    """Let the App show people, keypoints and possible people only at first: the other fields would cover them."""
    import fiftyone as fo

    config = dataset.app_config
    active = config.active_fields or fo.DatasetAppConfig.default_active_fields(dataset)
    hidden = {fields.parts, fields.charts, fields.u, fields.v}
    shown = [path for path in active.paths if path not in hidden]
    wanted = (fields.people, fields.keypoints, fields.possible)
    active.paths = shown + [path for path in wanted if path not in shown]
    config.active_fields = active


def hide_fields(dataset: fo.Dataset, fields: Fields) -> None:
    """Let the App show none of these fields at first."""
    active = dataset.app_config.active_fields
    if active is not None:
        active.paths = [path for path in active.paths if path not in fields.names]
        dataset.save()


def _with_missing(there: Iterable[dict[str, Any]] | None, ours: list[dict[str, Any]]) -> list[dict[str, Any]]:
    there = list(there or [])
    paths = {entry["path"] for entry in there}
    return there + [entry for entry in ours if entry["path"] not in paths]


def _hex(colour: np.ndarray) -> str:
    return "#" + bytes(colour.tolist()).hex()
