"""What operators with a form share: their failures are one sentence, on top of the form or of the result; and their runs are
a stream of messages to the App, or are done at once where they were scheduled."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types
from pymongo.errors import ConnectionFailure

from annotator.team.settings import check_writable

from .forms import execution_options, show_error, target_photos

logger = logging.getLogger(__name__)
Context = foo.ExecutionContext
Results = dict[str, Any]
LONGEST = 600
"""Characters of a sentence; the log has the rest."""


class RunError(RuntimeError):
    """A scheduled run failed; the message is the sentence that says why."""


@dataclass(frozen=True)
class Job:
    """A run, and how to report it.

    Args:
        run: to iterate; it yields how much of ``total`` is done.
        total: steps of the run; ``None`` where that is not known.
        results: makes the operator's results, after the run.
        output: makes the form that shows the results.
        before: makes messages for the beginning of the stream.
        after: makes messages for its end.
        describe: says what is done, given the number of steps; default: that many photos.
    """

    run: Iterable[int]
    total: int | None
    results: Callable[[], Results]
    output: Callable[[Results], types.Property]
    before: Callable[[], list[Any]] = list
    after: Callable[[], list[Any]] = list
    describe: Callable[[int], str] | None = None

    def steps(self) -> Iterator[tuple[float | None, str]]:
        """Do the run; yields the progress, 0..1 or ``None``, and its description."""
        for done in self.run:
            if self.describe:
                text = self.describe(done)
            else:
                text = f"{done} of {self.total} photos" if self.total else f"{done} photos"
            yield done / self.total if self.total else None, text


class FormOperator(foo.Operator):
    """An operator with a form, which :meth:`fill` makes."""

    writes = False
    """Whether it changes anything, which is refused where all is read-only."""

    def fill(self, ctx: Context, inputs: types.Object) -> None:
        """Add the inputs of the form. If that fails, the form says why and cannot be executed."""
        raise NotImplementedError

    def resolve_input(self, ctx: Context) -> types.Property:
        inputs = types.Object()
        try:
            apply_saved_view(ctx)
            if self.writes:
                check_writable(ctx.dataset)
            self.fill(ctx, inputs)
        except Exception as error:
            inputs = types.Object()
            show_error(inputs, "refused", "This cannot be run here", sentence(error))
        return types.Property(inputs, view=types.View(label=self.config.label))


class RunOperator(FormOperator):
    """An operator whose run, which :meth:`begin` makes, may be scheduled."""

    writes = True

    def begin(self, ctx: Context) -> Job:
        """Check the form's values and make the run."""
        raise NotImplementedError

    def resolve_execution_options(self, ctx: Context) -> foo.ExecutionOptions:
        try:
            apply_saved_view(ctx)
            return execution_options(target_photos(ctx))
        except Exception:
            # The form says why.
            return execution_options(None)

    def execute(self, ctx: Context) -> Iterator[Any] | Results:
        """The messages for the App, or the results where the run was scheduled."""
        return self._do_scheduled(ctx) if ctx.delegated else stream(ctx, lambda: self._begin(ctx))

    def _begin(self, ctx: Context) -> Job:
        # Also of a run that was scheduled before.
        check_writable(ctx.dataset)
        return self.begin(ctx)

    def _do_scheduled(self, ctx: Context) -> Results:
        try:
            job = self._begin(ctx)
            for progress, text in job.steps():
                ctx.set_progress(progress, text)
            return job.results()
        except Exception as error:
            text = sentence(error)
            # What FiftyOne keeps of the error itself begins with the traceback.
            ctx.set_progress(label=text)
            raise RunError(text) from (None if _is_expected(error) else error)


def stream(ctx: Context, begin: Callable[[], Job]) -> Iterator[Any]:
    """The messages of a run for the App."""
    try:
        job = begin()
        yield from job.before()
        for progress, text in job.steps():
            yield ctx.ops.set_progress(label=text, progress=progress)
        yield from job.after()
        values = job.results()
    # The stream has begun, so that no exception would reach the App.
    except Exception as error:
        text = sentence(error)
        # Also for who runs it from Python, and sees none of the messages.
        logger.error("%s", text)
        yield ctx.ops.notify(text, variant="error")
        outputs = types.Object()
        outputs.view("error", types.Error(label="Stopped", description=text))
        yield ctx.ops.show_output(types.Property(outputs).to_json(), {})
        return
    yield ctx.ops.show_output(job.output(values).to_json(), values)


def apply_saved_view(ctx: Context) -> None:
    """Replace a saved view in a request by its stages: FiftyOne would forget the sidebar's filters for it."""
    name = ctx.request_params.get("view_name")
    if name is not None and ctx.dataset is not None:
        ctx.request_params["view"] = ctx.dataset.load_saved_view(name)._serialize()
        ctx.request_params["view_name"] = None


def sentence(error: Exception) -> str:
    """Why an operator failed, for its user; what only its developers can mend goes to the log as well."""
    if isinstance(error, ConnectionFailure):
        logger.warning("The database does not answer: %s", error)
        return "the database does not answer"
    if isinstance(error, OSError) and error.strerror:
        names = [str(name) for name in (error.filename, error.filename2) if name is not None]
        text = ": ".join([" -> ".join(names), error.strerror] if names else [error.strerror])
    else:
        text = " ".join(str(error).split()) or type(error).__name__
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} …"
    if _is_expected(error):
        return text
    logger.error("An operator of the DensePose Annotator failed", exc_info=error)
    return f"{type(error).__name__}: {text} (the server's log says more)"


def _is_expected(error: Exception) -> bool:
    """Whether the message is made for users: the package's own errors, and what the system or the import says."""
    if not isinstance(error, ValueError):
        return isinstance(error, (OSError, ImportError, ConnectionFailure))
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    raised_in = frame.f_globals["__name__"]
    return {raised_in.split(".")[0], type(error).__module__.split(".")[0]} & {"annotator", "model"} != set()
