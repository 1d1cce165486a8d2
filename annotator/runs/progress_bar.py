"""The progress bar of a run in a terminal."""

from __future__ import annotations


class ProgressBar:
    """A bar that appears once something is done: an error before that is not preceded by an empty bar.

    Args:
        unit: what is counted.
        label: to the left of the bar.
    """

    def __init__(self, unit: str, label: str | None = None):
        self.unit, self.label = unit, label
        self._before: int | None = None
        self._bar = None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, done: int, total: int | None) -> None:
        """Say that so much is done; what the first call says was done before and does not count for the speed."""
        from tqdm import tqdm

        if self._bar is not None and done < self._bar.n:  # the next round of a run that counts twice
            self._bar.close()
            self._bar = self._before = None
        if self._before is None:
            self._before = done
        if self._bar is None and done > self._before:
            self._bar = tqdm(
                desc=self.label, total=total, initial=self._before, unit=self.unit, smoothing=0.05
            )
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
