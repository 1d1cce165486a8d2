"""Give a share of a dataset's photos to two annotators: the predictions are copied for the second one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from annotator.dataset.fields import Fields, check_people, declare_fields, hide_fields, require_fields
from annotator.dataset.info import last_model, last_settings, maps_folder, remember_model, remember_settings
from annotator.dataset.label_checks import LabelError
from annotator.dataset.sample_people import has_human_labels, read_people
from annotator.dataset.second_labels import second_fields
from annotator.dataset.store import StoredSample
from annotator.dataset.stored_photos import chosen_photos, stored_photos
from annotator.photos.reading import PhotoError
from annotator.runs.dataset_run import DatasetRun, Summary, as_function
from annotator.runs.people_writing import write_people

if TYPE_CHECKING:
    from annotator.dataset.store import Samples
    from annotator.labels.people import People

SHARE = 0.05
"""Of the photos."""


class SecondLabels(DatasetRun):
    """A run that gives photos to a second annotator.

    A share of the labelled photos is drawn, the same ones for the same seed. The predictions on those that nobody has worked
    on yet are copied to the fields of the second annotator (:func:`annotator.dataset.second_labels.second_fields`). Photos that
    have second labels are skipped, and so are those that somebody has worked on: a second annotator would begin with the
    first one's work.

    Args:
        samples: the photos to draw from.
        prefix: of the names of the label fields.
        share: of the photos, 0..1.
        seed: of the draw.

    Raises:
        FieldError: there are no labels of that prefix, or they are a second annotator's.
        ValueError: the share is not in 0..1.
    """

    def __init__(self, samples: Samples, *, prefix: str = "dp", share: float = SHARE, seed: int = 0) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"share: {share} is not in 0..1")
        self.dataset, self.fields = samples._dataset, Fields(prefix)
        check_people(samples, self.fields)
        self.second = second_fields(self.fields)
        photos, given = (stored_photos(self.dataset, fields) for fields in (self.fields, self.second))
        labelled = (key for key in chosen_photos(samples, photos) if photos[key].is_labelled)
        drawn = [key for key in labelled if key in given and _number(key, seed) < share]
        self._todo = {key: photos[key].path for key in drawn if not given[key].is_labelled}
        self.summary = Summary(skipped=len(drawn) - len(self._todo))

    def __len__(self) -> int:
        """Photos to copy predictions of."""
        return len(self._todo)

    def __iter__(self) -> Iterator[int]:
        require_fields(self.dataset, self.fields.names)
        declare_fields(self.dataset, self.second)
        # Whoever looks at the grid is not to see both, one over the other.
        hide_fields(self.dataset, self.second)
        model = last_model(self.dataset, self.fields.prefix)
        settings, maps_dir = last_settings(self.dataset, self.fields.prefix)
        if model is not None:
            remember_model(self.dataset, self.second.prefix, model)
        remember_settings(self.dataset, self.second.prefix, settings, maps_dir)
        folder = maps_folder(self.dataset, self.second.prefix, maps_dir)
        for done, (key, path) in enumerate(self._todo.items(), 1):
            try:
                stored = StoredSample.load(self.dataset, key, self.fields)
                people = stored and _predictions(stored, self.fields)
                if people is None:
                    self.summary.skipped += 1
                    failure = None
                else:
                    written = write_people(self.dataset, {key: people}, self.second, folder, self.summary)
                    failure = written.get(key)
            except (LabelError, PhotoError, OSError) as error:
                failure = str(error)
            if failure is not None:
                self.summary.failures[path] = failure
            yield done


give_second_labels = as_function(SecondLabels)
"""``give_second_labels(dataset, share=0.05)``, say."""


def _number(key: str, seed: int) -> float:
    """0..1, of a sample: always the same one."""
    digest = hashlib.sha256(f"{seed} {key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _predictions(stored: StoredSample, fields: Fields) -> People | None:
    """The people of a photo as a model found them; ``None`` where somebody has worked on them, or there is none."""
    if has_human_labels(stored.sample, fields):
        return None
    people = read_people(stored.sample, fields)
    return people and replace(
        people, id=None, extra={}, people=[replace(person, id=None) for person in people.people]
    )
