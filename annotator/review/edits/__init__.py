"""Edits: what a reviewer does to the people of an image.

:mod:`.models` lists the edits with their fields, :mod:`.apply` applies one. How each kind is applied: :mod:`.paint`,
:mod:`.click`, :mod:`.move`, :mod:`.split_merge`, :mod:`.keypoints`, :mod:`.surface`, :mod:`.add_delete`, :mod:`.decide`. :mod:`.possible` says what an
edit decides about possible people.
"""

from annotator.review.edits.apply import apply_edit
from annotator.review.edits.models import EditError, parse_edit
from annotator.review.edits.possible import decisions
from annotator.review.edits.scene import Changes, Scene

__all__ = ["Changes", "EditError", "Scene", "apply_edit", "decisions", "parse_edit"]
