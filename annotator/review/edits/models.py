"""The edits as data: one model per kind, told apart by the field ``kind``.

The review panel sends them as JSON; its TypeScript types are made from these models by ``scripts/make-panel-types``.
Coordinates are image pixels (see :mod:`annotator.labels.people`). A person is named by key, the id of its label.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from annotator.labels.label_space import CHARTS, KEYPOINTS, PARTS
from annotator.labels.messages import short
from annotator.labels.people import STATES

FARTHEST = 1e6
"""Pixels: no coordinate is farther from the image's corner. A stroke may leave the image, by any photo's size."""

Coordinate = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST)]
Part = Annotated[int, Field(ge=1, le=len(PARTS) - 1)]
# Whole, but a float: arrays of corrections have one type for all columns.
Chart = Annotated[float, Field(ge=1, le=len(CHARTS) - 1, multiple_of=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class EditError(ValueError):
    """An edit that cannot be done; the message names its kind and field.

    Attributes:
        problem: the message without kind and field, for whoever made the edit by hand.
    """

    def __init__(self, kind: str, problem: str, field: str = ""):
        super().__init__(": ".join(filter(None, (kind, field, problem))))
        self.problem = problem


class Point(NamedTuple):
    """In image pixels."""

    x: Coordinate
    y: Coordinate


class Box(NamedTuple):
    """In image pixels."""

    x: Coordinate
    y: Coordinate
    width: Coordinate
    height: Coordinate


class Click(NamedTuple):
    """In image pixels; whether it is on the person, or says what is not."""

    x: Coordinate
    y: Coordinate
    positive: bool


class SurfaceCorrection(NamedTuple):
    """A pixel, in image pixels, and its place on the body: chart 1..24, U and V 0..1."""

    x: Coordinate
    y: Coordinate
    chart: Chart
    u: Share
    v: Share


class _Edit(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    @property
    def keys(self) -> list[str]:
        """Keys of the people that the edit names."""
        return []


class _PersonEdit(_Edit):
    person: str

    @property
    def keys(self) -> list[str]:
        return [self.person]


class SetKeypoint(_PersonEdit):
    """Set a keypoint. Visibility is COCO's: 0 removes the keypoint, 1 hidden, 2 visible need x and y."""

    kind: Literal["set_keypoint"]
    keypoint: Annotated[int, Field(ge=0, le=len(KEYPOINTS) - 1)]
    visibility: Annotated[int, Field(ge=0, le=2)]
    x: Annotated[Coordinate | None, Field(validate_default=True)] = None
    y: Annotated[Coordinate | None, Field(validate_default=True)] = None

    @field_validator("x", "y")
    @classmethod
    def _needed_if_labelled(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is None and info.data.get("visibility"):
            raise ValueError("is missing")
        return value


class _LayerEdit(_PersonEdit):
    layer: Literal["mask", "part"]
    erase: bool = False
    part: Annotated[Part | None, Field(validate_default=True)] = None

    @field_validator("part")
    @classmethod
    def _needed_to_paint_parts(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is None and info.data.get("layer") == "part" and not info.data.get("erase"):
            raise ValueError("is missing")
        return value


class Paint(_LayerEdit):
    """Paint the mask or a part with a brush along the points, or erase them there."""

    kind: Literal["paint"]
    points: Annotated[list[Point], Field(min_length=1)]
    radius: Annotated[float, Field(gt=0, le=FARTHEST)]


class Fill(_LayerEdit):
    """Paint the mask or a part inside a polygon, or erase them there."""

    kind: Literal["fill"]
    points: Annotated[list[Point], Field(min_length=3)]


class FillArea(_PersonEdit):
    """Give another part to the connected pixels that have the part of the pixel at x, y."""

    kind: Literal["fill_area"]
    x: Coordinate
    y: Coordinate
    part: Part


class SplitByLine(_PersonEdit):
    """Split a person into two along a line, which goes on at both ends."""

    kind: Literal["split_by_line"]
    points: Annotated[list[Point], Field(min_length=2)]


class SplitByHeads(_PersonEdit):
    """Split a person into as many as there are points, one on each head."""

    kind: Literal["split_by_heads"]
    points: Annotated[list[Point], Field(min_length=2)]


class Merge(_Edit):
    """Merge the other people into the first."""

    kind: Literal["merge"]
    people: Annotated[list[str], Field(min_length=2)]

    @field_validator("people")
    @classmethod
    def _different(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("must be two or more different people")
        return value

    @property
    def keys(self) -> list[str]:
        return self.people


class Delete(_PersonEdit):
    """Delete a person."""

    kind: Literal["delete"]


class Add(_Edit):
    """Add the person in a box, labelled by the network."""

    kind: Literal["add"]
    box: Box


class AddEmpty(_Edit):
    """Add a person without labels in a box."""

    kind: Literal["add_empty"]
    box: Box


class AcceptPossible(_Edit):
    """Add the possible person, labelled by the network in its box."""

    kind: Literal["accept_possible"]
    possible: str


class DismissPossible(_Edit):
    """Say that the possible person is nobody, or labelled already."""

    kind: Literal["dismiss_possible"]
    possible: str


class ClickOnPerson(_Edit):
    """Say by clicks what is a person and what is not, the new one last; without a person somebody begins with it."""

    kind: Literal["click"]
    person: str | None = None
    clicks: Annotated[list[Click], Field(min_length=1)]

    @field_validator("clicks")
    @classmethod
    def _begins_on_somebody(cls, value: list[Click], info: ValidationInfo) -> list[Click]:
        if info.data.get("person") is None and not (len(value) == 1 and value[0].positive):
            raise ValueError("must be one positive click where nobody is named")
        return value

    @property
    def keys(self) -> list[str]:
        return [] if self.person is None else [self.person]


class Move(_PersonEdit):
    """Move a person with all labels by whole pixels."""

    kind: Literal["move"]
    dx: Annotated[int, Field(ge=-FARTHEST, le=FARTHEST)]
    dy: Annotated[int, Field(ge=-FARTHEST, le=FARTHEST)]


class Paste(_Edit):
    """Add copies of people of another image, at the same place."""

    kind: Literal["paste"]
    source: str
    copied: Annotated[list[str], Field(min_length=1)]


class CorrectSurface(_PersonEdit):
    """Say where on the body pixels lie. Corrections of other pixels, made before, still hold."""

    kind: Literal["correct_surface"]
    corrections: Annotated[list[SurfaceCorrection], Field(min_length=1)]


class SwapSides(_PersonEdit):
    """Swap left and right of a person, or of some parts."""

    kind: Literal["swap_sides"]
    parts: Annotated[list[Part] | None, Field(min_length=1)] = None


class SwapDepth(_PersonEdit):
    """Swap front and back of a person, or of some parts."""

    kind: Literal["swap_depth"]
    parts: Annotated[list[Part] | None, Field(min_length=1)] = None


class TakeSecond(_Edit):
    """Give a person layers of the second annotator's, or add the second annotator's person."""

    kind: Literal["take_second"]
    second: str
    person: str | None = None
    layers: Annotated[list[Literal["mask", "keypoints"]], Field(min_length=1)] = ["mask", "keypoints"]

    @property
    def keys(self) -> list[str]:
        return [] if self.person is None else [self.person]


class Decide(_PersonEdit):
    """Set the review state of a person and, where given, the comment."""

    kind: Literal["decide"]
    state: Literal[STATES]
    comment: str | None = None


class Together(_Edit):
    """Make several edits, each on what the one before left; if one cannot be done, none is."""

    kind: Literal["together"]
    edits: Annotated[list[Edit], Field(min_length=1)]


class Nobody(_Edit):
    """Of an image without people: whether the reviewer has seen that nobody is there, no possible person either."""

    kind: Literal["nobody"]
    nobody: bool


Edit = Annotated[
    SetKeypoint
    | Paint
    | Fill
    | FillArea
    | SplitByLine
    | SplitByHeads
    | Merge
    | Delete
    | Add
    | AddEmpty
    | AcceptPossible
    | DismissPossible
    | ClickOnPerson
    | Move
    | Paste
    | CorrectSurface
    | SwapSides
    | SwapDepth
    | TakeSecond
    | Decide
    | Together
    | Nobody,
    Field(discriminator="kind"),
]
Together.model_rebuild()
EDIT = TypeAdapter(Edit)


def parse_edit(values: Any) -> Edit:
    """The edit of a dict as JSON has it.

    Raises:
        EditError: an unknown kind, or a field that is missing, wrong or unknown.
    """
    try:
        return EDIT.validate_python(values)
    except ValidationError as error:
        raise _edit_error(error) from None


_PROBLEMS = {
    "model_attributes_type": "must be an object",
    "missing": "is missing",
    "extra_forbidden": "is not a field of this edit",
    "too_short": "must have {min_length} or more items, not {actual_length}",
    "too_long": "must have at most {max_length} items, not {actual_length}",
    "value_error": "{error}",
    "union_tag_not_found": "kind is missing",
    "union_tag_invalid": "kind must be one of {expected_tags}, not {tag!r:.80}",
}
"""What is said of the errors of pydantic for which its own words are not good enough."""


def _edit_error(error: ValidationError) -> EditError:
    """The first problem, in one line."""
    problem = error.errors(include_url=False)[0]
    kind, *path = problem["loc"] or ["edit"]
    field = "".join(f"[{step}]" if isinstance(step, int) else f".{step:.80}" for step in path).removeprefix(
        "."
    )
    if problem["type"] in _PROBLEMS:
        text = _PROBLEMS[problem["type"]].format(**problem.get("ctx", {}))
    else:
        text = f"{problem['msg'].replace('Input should', 'must')}, not {short(problem['input'])}"
    return EditError(kind, text, field)
