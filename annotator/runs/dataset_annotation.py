"""Annotate the photos of a FiftyOne dataset: a model's people are written to its samples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.dataset.fields import Fields, check_fields, declare_fields, require_fields
from annotator.dataset.info import maps_folder, remember_model, remember_settings
from annotator.dataset.store import write_values
from annotator.dataset.views import photos_of
from annotator.inference.network import DEFAULT_MODEL
from annotator.runs.dataset_run import (
    DatasetRun,
    Overwrite,
    Summary,
    as_function,
    check_overwrite,
    labelled_samples,
    write_people,
)

if TYPE_CHECKING:
    from annotator.dataset.store import Samples
    from annotator.inference.pipeline import Annotated
    from annotator.inference.settings import Settings


class Annotation(DatasetRun):
    """A run of a model over the photos of a dataset or view.

    Photos that cannot be read are listed in the summary's failures, and their reason in the field
    ``<prefix>_failure``.

    Args:
        samples: images; a view restricts the run, labels go to the samples of its dataset.
        model: path of an ONNX file.
        prefix: of the names of the label fields.
        settings: of inference.
        overwrite: see :data:`~annotator.runs.dataset_run.Overwrite`. In either case a person that somebody edited,
            added, approved, rejected or tagged stays as it is, and one that somebody deleted does not come back.
        maps_dir: folder for the charts', U and V maps; default: ``densepose/<dataset id>/<prefix>`` in
            FiftyOne's default dataset folder.

    Raises:
        FieldError: a prefix or collection that cannot be annotated.
        ImportError: ONNX Runtime is not installed.
        annotator.inference.network.ModelError: the model cannot be used.
    """

    def __init__(
        self,
        samples: Samples,
        model: str | Path = DEFAULT_MODEL,
        *,
        prefix: str = "dp",
        settings: Settings | None = None,
        overwrite: Overwrite = "skip",
        maps_dir: str | Path | None = None,
    ) -> None:
        from annotator.inference.network import Network
        from annotator.inference.settings import Settings

        check_overwrite(overwrite)
        self.dataset, self.fields = samples._dataset, Fields(prefix)
        check_fields(samples, self.fields)
        self.network, self.settings = Network(model), settings or Settings()
        self.folder, self._maps_dir = maps_folder(self.dataset, prefix, maps_dir), maps_dir
        labelled = labelled_samples(self.dataset, self.fields) if overwrite == "skip" else set()
        photos = dict(zip(*photos_of(samples).values(["id", "filepath"]), strict=True))
        self._todo = [(key, path) for key, path in photos.items() if key not in labelled]
        self.summary = Summary(skipped=len(photos) - len(self._todo))

    def __len__(self) -> int:
        """Samples to annotate."""
        return len(self._todo)

    def __iter__(self) -> Iterator[int]:
        from annotator.inference.pipeline import annotate

        if not self._todo:
            # A dataset in which nothing is left to annotate may be the clone of a view, which has no other fields.
            declare_fields(self.dataset, self.fields)
        with closing(annotate([path for _, path in self._todo], self.network, self.settings)) as results:
            for done, ((key, path), result) in enumerate(zip(self._todo, results, strict=True), 1):
                require_fields(self.dataset, self.fields.names if done > 1 else ())
                if done == 1:
                    # Only now that the model has run.
                    declare_fields(self.dataset, self.fields)
                    prefix = self.fields.prefix
                    remember_model(self.dataset, prefix, self.network.path)
                    remember_settings(self.dataset, prefix, asdict(self.settings), self._maps_dir)
                if failure := self._save(key, result):
                    self.summary.failures[path] = failure
                    write_values(self.dataset, {key: failure}, self.fields.failure)
                yield done

    def _save(self, key: str, result: Annotated) -> str | None:
        """Write the people of a sample; why there are none, if so."""
        if result.people is None:
            return result.failure
        time = datetime.now(timezone.utc).isoformat(timespec="seconds")
        for person in result.people.people:
            person.provenance.time = time
        return write_people(self.dataset, key, result.people, self.fields, self.folder, self.summary)


annotate_samples = as_function(Annotation)
"""``annotate_samples(dataset, settings=Settings(flip_augment=True), overwrite="replace")``, say."""
