"""Which people to export, with their counts. A form is resolved at every key stroke: the database counts again only once
something was saved."""

from __future__ import annotations

import json
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

from annotator.dataset.fields import Fields
from annotator.dataset.review_state import Counts, count_reviews
from annotator.labels.people import STATES

from .forms import choice_input, show_error, show_notice, show_warning

Context = foo.ExecutionContext

EXPORTED = {
    "approved": (
        "Approved only",
        "Photos on which everybody is approved, or rejected, and no possible person is left to be decided.",
    ),
    "reviewed": (
        "Approved and edited",
        "Photos on which everybody is approved or edited, or rejected; likewise.",
    ),
    "all": ("All", "Also people whom nobody has reviewed."),
}
KEPT = 8
"""Views whose counts are remembered."""
_counts: dict[str, tuple[Any, Counts]] = {}


def state_input(ctx: Context, inputs: types.Object, photos: Any, prefix: str) -> None:
    """Which people and photos to export, with their counts."""
    counts = review_counts(photos, Fields(prefix))
    rejected = bool(ctx.params.get("rejected"))
    if not counts.labelled:
        reason = f"None of the {counts.photos} photos has labels with the prefix {prefix}."
        show_error(inputs, "no_labels", "Nothing to export", reason)
    people = ", ".join(f"{counts.people[state]} {state} on {counts.photos_with(state)}" for state in STATES)
    text = f"{counts.labelled} of {counts.photos} photos have labels. People and their photos: {people}"
    show_notice(inputs, "count", f"{text}. Photos that somebody has seen to be empty: {counts.empty}.")
    options = {}
    for state, (label, description) in EXPORTED.items():
        photos_to_write, people_to_write = counts.written(state, rejected)
        options[state] = (label, f"{description} {people_to_write} people on {photos_to_write} photos.")
    choice_input(inputs, "state", options, "all", "People to write", required=False)
    if counts.labelled and not counts.written(ctx.params.get("state") or "all", rejected)[0]:
        text = "Nobody is in the chosen state on a photo that is reviewed as a whole."
        show_warning(inputs, "nothing", "No photo would be written", text)


def review_counts(photos: Any, fields: Fields) -> Counts:
    """The counts of :func:`annotator.dataset.review_state.count_reviews`, remembered until a sample is saved, added or
    deleted.

    Args:
        photos: a dataset or view.
    """
    dataset, stages = photos._dataset, photos.view()._serialize(include_uuids=False)
    key = json.dumps([str(dataset._doc.id), fields.prefix, stages], default=str)
    samples = dataset._sample_collection
    # Both from an index, however large the dataset.
    last = samples.find_one({}, {"_id": 0, "last_modified_at": 1}, sort=[("last_modified_at", -1)])
    state = (last, samples.estimated_document_count())
    if _counts.get(key, (None,))[0] != state:
        found = count_reviews(photos, fields)
        _counts.pop(key, None)
        _counts[key] = (state, found)
        for old in list(_counts)[:-KEPT]:
            del _counts[old]
    return _counts[key][1]
