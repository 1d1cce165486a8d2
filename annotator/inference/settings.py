"""Settings of inference: how photos become people."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class VoteSettings:
    """How people are told apart. Lengths are in units of the side of the square that the network sees, areas in its
    pixels.

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
    """A connected region most of whose votes are farther than this from all heads is somebody by itself."""
    least_area: int = 64
    """People of fewer input pixels than this, or of fewer of the photo's, are dropped as noise."""

    def __post_init__(self) -> None:
        for name in ("reach", "blur", "vote_threshold", "stray"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        if not 0 <= self.min_distance < 1:
            raise ValueError(f"min_distance must be between 0 and 1, not {self.min_distance}")


@dataclass(frozen=True)
class Settings:
    """How photos become people.

    Raises:
        ValueError: a value out of range.
    """

    zoom_in: bool = True
    """Look again at people who are small in the photo, at full input size, and at those who do not stand, turned
    upright."""
    flip_augment: bool = False
    """Look at every photo and its mirror image and take the mean, at twice the cost. Boxes always are."""
    threshold: float = 0.5
    """Person probability from which a pixel belongs to a person."""
    confidence: float = 0.7
    """People with a lower score, the mean probability of their pixels, are dropped."""
    votes: VoteSettings = field(default_factory=VoteSettings)
    batch_size: int = 1
    """Images per call of the network; 1 is fastest on a CPU, 8 or more on a GPU."""

    def __post_init__(self) -> None:
        for name in ("threshold", "confidence"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1, not {getattr(self, name)}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more images, not {self.batch_size}")
