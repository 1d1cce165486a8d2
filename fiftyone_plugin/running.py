"""Execute a run: as a stream of messages to the App, or at once where it was scheduled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

logger = logging.getLogger(__name__)
Context = foo.ExecutionContext
Results = dict[str, Any]


def execute(
    ctx: Context,
    run: Iterable[int],
    total: int | None,
    results: Callable[[], Results],
    output: Callable[[Results], types.Property],
    *,
    before: Callable[[], list[Any]] = list,
    after: Callable[[], list[Any]] = list,
    describe: Callable[[int], str] | None = None,
) -> Iterator[Any] | Results:
    """Execute a run and report its progress.

    Args:
        ctx: of the operator.
        run: to iterate; it yields how much of ``total`` is done.
        total: steps of the run; ``None`` where that is not known.
        results: makes the operator's results, after the run.
        output: makes the form that shows the results.
        before: makes messages for the beginning of the stream.
        after: makes messages for its end.
        describe: says what is done, given the number of steps; default: that many photos.

    Returns:
        The messages for the App, or the results where the run was scheduled.
    """
    describe = describe or (lambda done: f"{done} of {total} photos" if total else f"{done} photos")
    if not ctx.delegated:
        return _stream(ctx, run, total, results, output, before, after, describe)
    for done in run:
        ctx.set_progress(done / total if total else None, describe(done))
    return results()


def _stream(ctx, run, total, results, output, before, after, describe) -> Iterator[Any]:
    yield from before()
    try:
        for done in run:
            yield ctx.ops.set_progress(label=describe(done), progress=done / total if total else None)
    # The stream has begun, so that no exception would reach the App.
    except Exception as error:
        expected = isinstance(error, (ValueError, OSError, ImportError))
        text = str(error) if expected else f"{type(error).__name__}: {error} (the server's log says more)"
        if not expected:
            logger.exception("A run of the DensePose Annotator stopped")
        yield ctx.ops.notify(text, variant="error")
        outputs = types.Object()
        outputs.view("error", types.Error(label="Stopped", description=text))
        yield ctx.ops.show_output(types.Property(outputs).to_json(), {})
        return
    yield from after()
    values = results()
    yield ctx.ops.show_output(output(values).to_json(), values)
