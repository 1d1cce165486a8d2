"""Settings of inference: how photos become people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

GROUPINGS = ("votes", "dbscan")
"""The ways to tell people apart."""
VOTES_CONFIDENCE, FINDER_CONFIDENCE = 0.7, 0.35
"""The usual least scores, see :attr:`Settings.confidence`."""
PROPOSALS = ("votes", "finder", "both")
"""Who says where people are: the votes of the whole photo's pixels (thesis), the person finder, or both."""


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

    proposals: str = "both"
    """Who says where people are, one of :data:`PROPOSALS`."""
    tiles: int = 1
    """The finder also looks at so many overlapping tiles along each side of the photo, for people who are tiny in it; 1
    for the whole photo alone."""
    min_proposal: float = 0.2
    """A box of the finder with a lower score is not looked at closely; it can only be a possible person."""
    zoom_in: bool = True
    """Where votes propose: predict people who are small in the photo again, at full input size, and those who do not stand,
    turned upright."""
    flip_augment: bool = False
    """Take the mean of the predictions for a view and its mirror image, at twice the cost; always done for boxes that
    somebody draws."""
    pose_estimator: bool = True
    """The pose estimator has a say in everybody's mask, charts, U and V, and predicts their keypoints, and the sides of their limbs,
    again."""
    threshold: float = 0.5
    """Person probability from which a pixel belongs to a person."""
    confidence: float | None = None
    """People of a lower score are dropped; ``None`` for 0.7 where votes alone propose, and else for 0.35. With a finder the
    score is the probability that the person is there and labelled well, without one the mean probability of its pixels."""
    possible: float = 0.15
    """People of a lower score than ``confidence``, but not than this, are possible people; they need a finder."""
    grouping: str = "votes"
    """How people in one view are told apart, one of :data:`GROUPINGS`: by peaks of the votes, or by the thesis's DBSCAN."""
    votes: VoteSettings = field(default_factory=VoteSettings)
    dbscan: DbscanSettings = field(default_factory=DbscanSettings)
    min_area: int = 64
    """People of fewer input pixels than this, or of fewer of the photo's, are dropped as noise."""
    batch_size: int | None = None
    """Views per call of the network; ``None`` for what the device and its memory are good for."""
    workers: int | None = None
    """Photos that are read or decoded at the same time; ``None`` for as many as there are processor cores. It changes no
    label."""

    @classmethod
    def of_quality(cls, quality: str, **changes) -> Settings:
        """The settings that a word of :data:`QUALITIES` stands for, with changes."""
        if quality not in QUALITIES:
            raise ValueError(f"quality must be {' or '.join(QUALITIES)}, not {quality!r}")
        return cls(**QUALITIES[quality] | changes)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Settings:
        """The settings that ``dataclasses.asdict`` gave, perhaps in an earlier version; those that are missing have their
        defaults.

        Raises:
            ValueError: a value that is not allowed, or a setting that there is not.
        """
        nested = {"votes": VoteSettings, "dbscan": DbscanSettings}
        try:
            return cls(
                **{name: nested[name](**value) if name in nested else value for name, value in values.items()}
            )
        except TypeError as error:
            raise ValueError(f"settings of another version cannot be used: {error}") from None

    def __post_init__(self) -> None:
        for name in ("threshold", "confidence", "possible", "min_proposal"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} must be between 0 and 1, not {value}")
        for name, allowed in (("grouping", GROUPINGS), ("proposals", PROPOSALS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be {' or '.join(allowed)}, not {getattr(self, name)!r}")
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more views, not {self.batch_size}")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be 1 or more, not {self.workers}")
        if not 1 <= self.tiles <= 4:
            raise ValueError(f"tiles must be 1 to 4, not {self.tiles}")

    @property
    def uses_finder(self) -> bool:
        return self.proposals != "votes"

    @property
    def uses_votes(self) -> bool:
        return self.proposals != "finder"

    @property
    def least_score(self) -> float:
        """:attr:`confidence`, or what stands for ``None``."""
        if self.confidence is not None:
            return self.confidence
        return FINDER_CONFIDENCE if self.uses_finder else VOTES_CONFIDENCE


QUALITIES: dict[str, dict] = {
    "draft": {"proposals": "finder", "min_proposal": 0.4, "pose_estimator": False},
    "normal": {},
    "best": {"tiles": 2, "flip_augment": True},
}
"""The settings that a word stands for, from the fastest to the slowest; docs/finding-people.md measures them."""
