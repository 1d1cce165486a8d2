import numpy as np

from annotator.geometry.label_maps import LabelMaps
from tests.annotator.labelled_photos import SIZE, figure_at


def test_the_first_person_is_painted_on_top():
    left, right = figure_at(10, 20), figure_at(30, 20, charts=np.full((60, 30), 24, np.uint8))
    assert (LabelMaps.paint([left, right], (0, 0, *SIZE)).charts[20:80, 30:40] != 24).any()
    assert (LabelMaps.paint([right, left], (0, 0, *SIZE)).charts[20:80, 30:40] == 24).all()
    assert LabelMaps.paint([left, right], (0, 0, *SIZE)).person.sum() == 50 * 60
