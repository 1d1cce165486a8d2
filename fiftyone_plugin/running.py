"""What operators with a form share: their failures are one sentence, on top of the form or of the result; and their runs are
a stream of messages to the App, or are done at once where they were scheduled."""

from __future__ import annotations

import logging
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from threading import Thread
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types
from pymongo.errors import ConnectionFailure

from annotator.retraining.status import Stopped
from annotator.team.settings import check_writable

from .forms import execution_options, show_error, target_photos
from .run_records import Recorder
from .runs_panel import PANEL, open_panel, refresh_app

logger = logging.getLogger(__name__)
Context = foo.ExecutionContext
Results = dict[str, Any]
SAID = ("samples", "people", "failed", "report")
"""Results that every sentence about them has."""
ONLY_FROM_THE_APP = "sample_selection_style"
"""A parameter of every request of the App's, and of none that comes from Python."""
LONGEST = 600
"""Characters of a sentence; the log has the rest."""


class RunError(RuntimeError):
    """A scheduled run failed; the message is the sentence that says why."""


@dataclass(frozen=True)
class Job:
    """A run, and how to report it.

    Args:
        run: to iterate; it yields how much of ``total`` is done.
        total: steps of the run, or what says it; ``None`` where that is not known.
        results: makes the operator's results, after the run.
        output: makes the form that shows the results.
        sentence: what was done, of the results.
        refresh: what the App is to show after the run, the arguments of :func:`.runs_panel.refresh_app`; ``None`` for nothing else.
        describe: says what is done, given the number of steps; default: that many photos.
        stopped: what becomes of a run that is cancelled.
        panel: name of the run's own panel, if it has one.
    """

    run: Iterable[int]
    total: int | Callable[[], int | None] | None
    results: Callable[[], Results]
    output: Callable[[Results], types.Property]
    sentence: Callable[[Results], str] = lambda values: "Done."
    refresh: Callable[[], dict[str, Any] | None] = lambda: None
    describe: Callable[[int], str] | None = None
    stopped: str = "What is done is kept."
    panel: str | None = None

    def record(self, ctx: Context, label: str) -> Recorder:
        """Begin the record of the run, which the panel shows."""
        dataset_id = ctx.dataset._doc.id if ctx.dataset is not None else None
        return Recorder(dataset_id, label, self._total(), panel=self.panel)

    def steps(self, recorder: Recorder) -> Iterator[tuple[float | None, str]]:
        """Do the run, until it is cancelled; yields the progress, 0..1 or ``None``, and its description."""
        with closing(iter(self.run)) as steps:
            try:
                for done in steps:
                    total = self._total()
                    recorder.show(done, total, self.describe(done) if self.describe else "")
                    yield recorder.record.share, recorder.record.describe()
                    if recorder.cancelled and done != total:
                        recorder.stopped = True
                        return
            except Stopped:
                recorder.stopped = True

    def end(self, recorder: Recorder) -> Results:
        """End the record; the results."""
        values = self.results()
        said = self.sentence(values)
        if recorder.stopped:
            said = f"Stopped. {self.stopped} {said}"
        details = [] if self.panel else _details(self.output(values), values)
        recorder.end("stopped" if recorder.stopped else "done", said, details, self.refresh())
        return values

    def _total(self) -> int | None:
        return self.total() if callable(self.total) else self.total


class FormOperator(foo.Operator, ABC):
    """An operator with a form, which :meth:`fill` makes."""

    writes = False
    """Whether it changes anything, which is refused where all is read-only."""

    @abstractmethod
    def fill(self, ctx: Context, inputs: types.Object) -> None:
        """Add the inputs of the form. If that fails, the form says why and cannot be executed."""

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

    @abstractmethod
    def begin(self, ctx: Context) -> Job:
        """Check the form's values and make the run."""

    def resolve_execution_options(self, ctx: Context) -> foo.ExecutionOptions:
        try:
            apply_saved_view(ctx)
            return execution_options(target_photos(ctx))
        except Exception:
            # The form says why.
            return execution_options(None)

    def execute(self, ctx: Context) -> Iterator[Any] | Results:
        """The messages for the App, or the results where the run was scheduled."""
        if ctx.delegated:
            return self._do_scheduled(ctx)
        return stream(ctx, lambda: self._begin(ctx), self.config.label)

    def _begin(self, ctx: Context) -> Job:
        # Also of a run that was scheduled before.
        if self.writes:
            check_writable(ctx.dataset)
        return self.begin(ctx)

    def _do_scheduled(self, ctx: Context) -> Results:
        recorder = None
        try:
            job = self._begin(ctx)
            recorder = job.record(ctx, self.config.label)
            for progress, text in job.steps(recorder):
                ctx.set_progress(progress, text)
            return job.end(recorder)
        except Exception as error:
            text = sentence(error)
            if recorder:
                recorder.end("failed", text)
            # What FiftyOne keeps of the error itself begins with the traceback.
            ctx.set_progress(label=text)
            raise RunError(text) from (None if _is_expected(error) else error)


def stream(ctx: Context, begin: Callable[[], Job], label: str) -> Iterator[Any]:
    """The messages of a run for the App.

    A form's run goes on by itself, whatever becomes of the form and its page: the messages only open the panel that shows it.
    Elsewhere, as in Python, or where no dataset is open that a panel could be about, the last message comes when all is done.
    """
    recorder = None
    try:
        job = begin()
        recorder = job.record(ctx, label)
        if ONLY_FROM_THE_APP in ctx.request_params and ctx.dataset is not None:
            _start(job, recorder)
            yield open_panel(ctx, job.panel or PANEL)
            return
        for progress, text in job.steps(recorder):
            yield ctx.ops.set_progress(label=text, progress=progress)
        values = job.end(recorder)
        if recorder.record.refresh:
            yield from refresh_app(ctx, **recorder.record.refresh)
    # The stream has begun, so that no exception would reach the App.
    except Exception as error:
        text = sentence(error)
        if recorder:
            recorder.end("failed", text)
        # Also for who runs it from Python, and sees none of the messages.
        logger.error("%s", text)
        yield ctx.ops.notify(text, variant="error")
        outputs = types.Object()
        outputs.view("error", types.Error(label="Stopped", description=text))
        yield ctx.ops.show_output(types.Property(outputs).to_json(), {})
        return
    yield ctx.ops.show_output(job.output(values).to_json(), values)


def start(ctx: Context, label: str, job: Job) -> None:
    """Do a run in the background, which its panel shows."""
    _start(job, job.record(ctx, label))


def _start(job: Job, recorder: Recorder) -> None:
    Thread(target=_do_in_background, args=(job, recorder), daemon=True).start()


def _do_in_background(job: Job, recorder: Recorder) -> None:
    try:
        for _ in job.steps(recorder):
            pass
        job.end(recorder)
    except Exception as error:
        text = sentence(error)
        logger.error("%s", text)
        recorder.end("failed", text)


def _details(output: types.Property, values: Results) -> list[list[str]]:
    """What the results say besides the sentence: labels of the form that shows them, and their values."""
    return [
        [field.view.label, str(values[name])]
        for name, field in output.type.properties.items()
        if name not in SAID and values.get(name)
    ]


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
