"""Doing a run: as a stream of messages to the App, or at once where it was scheduled."""

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
    words: Callable[[int], str] | None = None,
) -> Iterator[Any] | Results:
    """Do a run, whose iteration yields how much of ``total`` is done.

    Args:
        results: makes the results when it is done.
        output: makes the form that shows them.
        before: makes messages for the beginning of the stream.
        after: makes more messages for its end.
        words: say how far it is; default: how many photos.
    """
    words = words or (lambda done: f"{done} of {total} photos" if total else f"{done} photos")
    if not ctx.delegated:
        return _stream(ctx, run, total, results, output, before, after, words)
    for done in run:
        ctx.set_progress(done / total if total else None, words(done))
    return results()


def _stream(ctx, run, total, results, output, before, after, words) -> Iterator[Any]:
    yield from before()
    try:
        for done in run:
            yield ctx.ops.set_progress(label=words(done), progress=done / total if total else None)
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
