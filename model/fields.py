"""Types of the fields of a config, which say what values are allowed."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

CHECKED = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
"""For ``pydantic.dataclasses.dataclass``: fields have exactly their types, and there are no others."""

MULTIPLE = 32
"""Of which the sides of all images are multiples."""
Share = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(gt=0, multiple_of=MULTIPLE)]
"""Of an image in pixels."""


def _ascending(ends: tuple[float, float]) -> tuple[float, float]:
    if not 0 < ends[0] <= ends[1]:
        raise ValueError("must be [low, high], both above 0")
    return ends


Range = Annotated[tuple[float, float], AfterValidator(_ascending)]
"""(low, high), both above 0."""
