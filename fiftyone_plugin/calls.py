"""What the operators of the review panel share: their parameters are checked, and their errors are answers.

They are not listed in the App. An error comes back as ``error``, a message for the panel to show; if the database does
not answer, ``unavailable`` comes back, and the panel repeats the request.
"""

from __future__ import annotations

from typing import Annotated, Any

import fiftyone.operators as foo
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pymongo.errors import ConnectionFailure

from annotator.labels.messages import short
from annotator.review.edits import EditError
from annotator.team.settings import check_author, check_writable, read_settings

from .running import apply_saved_view, sentence

Context = foo.ExecutionContext

RequestId = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
SampleId = Annotated[str, Field(pattern="^[0-9a-f]{24}$")]
Share = Annotated[float, Field(ge=0, le=1)]


class CallValues(BaseModel):
    """The parameters of a call; what it does not know is of no account."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class OfLabels(CallValues):
    prefix: str
    author: Annotated[str, Field(max_length=100)] = ""


class OfImage(OfLabels):
    sample: SampleId
    versions: dict[str, str] = Field({})
    request_id: RequestId | None = None
    # Of the log of edits: what is wrong with them is no reason to refuse an edit.
    tool: Any = ""
    seconds: Any = 0.0


class Call(foo.Operator):
    """An operator of the panel; subclasses have a name, the parameters ``Values``, and ``answer(ctx, values)``, which gives
    its result."""

    name = ""
    Values = OfLabels
    writes = True
    """Whether it changes anything, which is refused where all is read-only."""
    is_signed = False
    """Whether a team must know who calls it."""

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(name=self.name, label=self.name, unlisted=True)

    def execute(self, ctx: Context) -> dict[str, Any]:
        try:
            apply_saved_view(ctx)
            if self.writes:
                check_writable(ctx.dataset)
            values = self.Values.model_validate(ctx.params).model_dump()
            if "author" in values:
                values["author"] = user_name(ctx) or values["author"].strip()
            if self.is_signed and read_settings(ctx.dataset).team:
                check_author(values["author"])
            return self.answer(ctx, values)
        except ValidationError as error:
            return {"error": _problem(error)}
        except EditError as error:
            return {"error": error.problem}
        except ConnectionFailure as error:
            return {"unavailable": sentence(error)}
        # An exception would reach the panel as a traceback.
        except Exception as error:
            return {"error": sentence(error)}


def user_name(ctx: Context) -> str:
    """The name of the App's user; empty in an App that has no users, as the open-source one."""
    user = ctx.user
    return str(getattr(user, "name", None) or getattr(user, "email", None) or getattr(user, "id", None) or "")


def _problem(error: ValidationError) -> str:
    """The first problem of a call's parameters, in one line."""
    problem = error.errors(include_url=False)[0]
    field = ".".join(str(step)[:80] for step in problem["loc"])
    if problem["type"] == "missing":
        return f"{field}: is missing"
    return f"{field}: {problem['msg'].replace('Input should', 'must')}, not {short(problem['input'])}"
