"""Settings of inference: how photos become people."""

from __future__ import annotations

from dataclasses import dataclass, field

GROUPINGS = ("votes", "dbscan")
"""The ways to tell people apart."""


@dataclass(frozen=True)
class VoteSettings:
    """How people are told apart by :mod:`annotator.inference.votes`. Lengths are in units of the side of the square that
    the network sees, areas in its pixels.

    Raises:
        ValueError: a value out of range.
    """

    reach: float = 0.07
    """A vote for a point this far away counts 1/e of one for the pixel's own place."""
    blur: float = 0.02
    """Standard deviation of the Gaussian that smooths the votes."""
    vote_threshold: int = 100
    """So many pixels' worth of votes make a head, or a pelvis."""
    min_distance: float = 0.065
    """Heads, and pelvises, are farther from each other than this."""
    stray: float = 0.25
    """A connected region most of whose votes are farther than this from all heads is a person of its own."""

    def __post_init__(self) -> None:
        for name in ("reach", "blur", "vote_threshold", "stray"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        if not 0 <= self.min_distance < 1:
            raise ValueError(f"min_distance must be between 0 and 1, not {self.min_distance}")


@dataclass(frozen=True)
class DbscanSettings:
    """How people are told apart by :mod:`annotator.inference.dbscan`; the defaults are the thesis's.

    Raises:
        ValueError: a value out of range.
    """

    eps: float = 0.01
    """Head vectors no farther apart than this are neighbours, in units of the side of the square that the network
    sees."""
    min_samples: int = 100
    """So many pixels of a 256×256 input, itself among them, a head vector needs within ``eps`` to start or to grow a
    person. Inputs of other sizes count as if they were resized to that."""

    def __post_init__(self) -> None:
        if not 0.0001 <= self.eps <= 1:
            raise ValueError(f"eps must be between 0.0001 and 1, not {self.eps}")
        if not self.min_samples >= 1:
            raise ValueError(f"min_samples must be 1 or more pixels, not {self.min_samples}")


@dataclass(frozen=True)
class Settings:
    """How photos become people.

    Raises:
        ValueError: a value out of range.
    """

    zoom_in: bool = True
    """Predict people who are small in the photo again, at full input size, and those who do not stand, turned upright."""
    flip_augment: bool = False
    """Take the mean of the predictions for the photo and its mirror image, at twice the cost; always done for boxes."""
    threshold: float = 0.5
    """Person probability from which a pixel belongs to a person."""
    confidence: float = 0.7
    """People with a lower score, the mean probability of their pixels, are dropped."""
    grouping: str = "votes"
    """How people are told apart, one of :data:`GROUPINGS`: by peaks of the votes, or by the thesis's DBSCAN."""
    votes: VoteSettings = field(default_factory=VoteSettings)
    dbscan: DbscanSettings = field(default_factory=DbscanSettings)
    min_area: int = 64
    """People of fewer input pixels than this, or of fewer of the photo's, are dropped as noise."""
    batch_size: int = 1
    """Images per call of the network; 1 is fastest on a CPU, 8 or more on a GPU."""

    def __post_init__(self) -> None:
        for name in ("threshold", "confidence"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1, not {getattr(self, name)}")
        if self.grouping not in GROUPINGS:
            raise ValueError(f"grouping must be {' or '.join(GROUPINGS)}, not {self.grouping!r}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more images, not {self.batch_size}")
