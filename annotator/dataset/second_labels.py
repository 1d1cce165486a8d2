"""The labels that a second annotator makes of the same photos, without seeing the first one's: fields of their own."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from annotator.dataset.fields import FieldError, Fields
from annotator.dataset.store import find_document, write_values

if TYPE_CHECKING:
    import fiftyone as fo

SUFFIX = "_second"
NOBODY = "somebody without a name"
"""Who has reviewed labels without saying who it was."""


def second_fields(fields: Fields) -> Fields:
    """The fields of the second annotator's labels.

    Raises:
        FieldError: the prefix is too long for that, or these are the second annotator's already.
    """
    if is_second(fields.prefix):
        raise FieldError(
            f"{fields.prefix!r} are a second annotator's labels already: name the first one's prefix"
        )
    return Fields(fields.prefix + SUFFIX)


def find_second_fields(dataset: fo.Dataset, fields: Fields) -> Fields | None:
    """The fields of the second annotator's labels; ``None`` where a dataset has none, or these are they."""
    with suppress(FieldError):  # the prefix is too long to have second ones, or that of second ones
        second = second_fields(fields)
        return second if dataset.has_sample_field(second.source) else None
    return None


def check_new_prefix(dataset: fo.Dataset | None, fields: Fields) -> None:
    """Check that labels which are new in a dataset, ``None`` for a new one, would not be taken for a second annotator's.

    Raises:
        FieldError: they would, by their prefix.
    """
    if is_second(fields.prefix) and (dataset is None or not dataset.has_sample_field(fields.people)):
        raise FieldError(
            f"field prefix {fields.prefix!r}: names that end in {SUFFIX} are for a second annotator's labels, which "
            "“Label a share twice” makes: choose another"
        )


def is_second(prefix: str) -> bool:
    """Whether the labels of a prefix are a second annotator's."""
    return prefix.endswith(SUFFIX)


def agreement_field(fields: Fields) -> str:
    """Name of the field that has the lowest agreement of the two annotators on a photo, 0..1."""
    return f"{fields.prefix}_agreement"


def read_agreement(dataset: fo.Dataset, fields: Fields, sample_id: str) -> dict[str, Any] | None:
    """How far the two annotators of a sample agreed before anybody saw the other's labels; ``None`` if that was not measured.

    Returns:
        ``annotators``, the names of the first and the second, and ``people``, for each the ids of the two labels (``first``
        and ``second``, ``None`` where only one annotator has that person) and the agreement by task, 0..1 or ``None``.
    """
    second = find_second_fields(dataset, fields)
    if second is None:
        return None
    document = find_document(dataset, sample_id, [f"{second.source}.agreement"])
    return ((document or {}).get(second.source) or {}).get("agreement")


def save_agreement(
    dataset: fo.Dataset, fields: Fields, sample_id: str, record: dict[str, Any], lowest: float
) -> None:
    """Store what :func:`read_agreement` gives, and the lowest agreement in :func:`agreement_field`.

    Raises:
        FieldError: the fields were deleted meanwhile.
    """
    import fiftyone as fo

    if not dataset.has_sample_field(agreement_field(fields)):
        dataset.add_sample_field(agreement_field(fields), fo.FloatField)
    write_values(dataset, {sample_id: record}, f"{second_fields(fields).source}.agreement")
    write_values(dataset, {sample_id: lowest}, agreement_field(fields))
