"""People in the fields of a FiftyOne sample: nothing lost on the way, and human work is never overwritten."""

import cv2
import numpy as np
import pytest

from annotator.coco.encoding import annotation
from annotator.coco.parsing import read_person
from annotator.dataset.fields import Fields, declare_fields
from annotator.dataset.person_labels import attribute
from annotator.dataset.sample_people import find_labels, read_people, replace_predictions
from annotator.labels.label_space import PARTS
from annotator.labels.people import UNSURE_KEYPOINT, People, Person, Provenance
from tests.annotator.people_samples import dense_person, record

SIZE = (64, 48)


FIELDS = Fields()


PREDICTED = Provenance("lite", "2026-01-01T00:00:00Z")


@pytest.fixture
def sample(dataset, tmp_path):
    """A sample of a photo of 64 × 48 pixels in a dataset with the fields."""
    import fiftyone as fo

    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.zeros((*SIZE[::-1], 3), np.uint8))
    sample = fo.Sample(filepath=str(path))
    dataset.add_sample(sample)
    declare_fields(dataset, FIELDS)
    return sample


@pytest.fixture
def maps(tmp_path):
    return tmp_path / "maps"


def block(x: int, **changes) -> Person:
    """A predicted person of 12 × 30 pixels from column ``x``: torso above, a leg below."""
    parts = np.repeat(np.array([1, 6], np.uint8), 15)[:, None].repeat(12, axis=1)
    charts = np.where(parts == 1, 2, 9).astype(np.uint8)
    ramp = np.linspace(0, 1, parts.size).reshape(parts.shape).astype(np.float16)
    values = {
        "box": (x, 10, 12, 30),
        "mask": parts > 0,
        "parts": parts,
        "charts": charts,
        "u": ramp,
        "v": 1 - ramp,
        "provenance": PREDICTED,
    }
    return Person(**(values | changes))


def write(sample, *people: Person, maps, size=SIZE):
    replaced = replace_predictions(sample, People(size, list(people)), FIELDS, maps)
    sample.save()
    sample.reload(hard=True)
    return replaced


def boxes(sample) -> list[tuple[int, int, int, int]]:
    return [person.box for person in read_people(sample, FIELDS).people]


def assert_same(a: Person, b: Person) -> None:
    for name in Person.__slots__:
        x, y = getattr(a, name), getattr(b, name)
        if name in ("u", "v") and x is not None:
            seen = a.charts > 0
            np.testing.assert_allclose(x[seen].astype(float), y[seen].astype(float), atol=1e-4)
        elif isinstance(x, np.ndarray):
            np.testing.assert_allclose(x, y, atol=1e-3, err_msg=name)
        else:
            assert x == y, name


def test_people_come_back_as_they_were(sample, maps):
    width, height = 400, 300
    quarter = {"quality": {"mask": 0.5, "charts": 0.125, "hair": 0.75}, "extra": {"note": {"by": "Ada"}}}
    first = dense_person(1, (200, 150), **quarter, score=0.875, id=17)
    second = dense_person(2, (200, 150), box=None, provenance=PREDICTED)
    second.box = (250, 160, second.mask.shape[1], second.mask.shape[0])
    people = People((width, height), [first, second], "in/photo.png", id=5, extra={"license": 3})
    replaced = replace_predictions(sample, people, FIELDS, maps)
    sample.save()
    sample.reload(hard=True)
    assert (replaced.added, replaced.kept, replaced.dropped) == (2, 0, 0)
    found = read_people(sample, FIELDS)
    assert (found.size, found.file_name, found.id, found.extra) == (
        people.size,
        "in/photo.png",
        5,
        {"license": 3},
    )
    for was, now in zip(people.people, found.people, strict=True):
        assert_same(was, now)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"segmentation": None, "dp_masks": None, "hair": "red"},
        {"keypoints": [0.0] * 51, "num_keypoints": 0},
        {"iscrowd": 1, "caption": [1, {"a": None}]},
        {"dp_provenance": {"model": "m", "time": "", "state": "rejected", "author": "Ada"}},
    ],
)
def test_an_imported_annotation_is_written_again_to_the_letter(sample, maps, changes):
    was = {key: value for key, value in record(**changes).items() if value is not None}
    person = read_person(was, SIZE, "test")
    write(sample, person, maps=maps)
    (now,) = read_people(sample, FIELDS).people
    del was["image_id"]
    assert annotation(now, SIZE) == annotation(person, SIZE) == was


def test_a_sample_without_labels_is_told_from_one_without_people(sample, maps):
    assert read_people(sample, FIELDS) is None
    write(sample, maps=maps)
    assert read_people(sample, FIELDS).people == []


def test_parts_and_keypoints_share_the_instance_of_their_person(sample, maps):
    write(sample, block(2), block(40, keypoints=np.ones((17, 3), np.float32)), maps=maps)
    people = sample[FIELDS.people].detections
    assert len({person.instance.id for person in people}) == 2
    labels = sample[FIELDS.parts].detections
    assert sorted(label.label for label in labels) == sorted(2 * ["torso", "right upper leg"])
    for label in [*labels, *sample[FIELDS.keypoints].keypoints]:
        owner = next(person for person in people if person.instance.id == label.instance.id)
        assert label.index == owner.index


def test_an_unsure_keypoint_is_missing_for_fiftyone_and_kept_for_everything_else(sample, maps):
    keypoints = np.zeros((17, 3), np.float32)
    keypoints[3], keypoints[5], keypoints[7] = (32, 12, 0.5), (33.3, 15.7, 0.1), (20, 9, UNSURE_KEYPOINT)
    visibility = np.zeros(17, np.uint8)
    visibility[[3, 5, 7]] = 2, 1, 1
    write(sample, block(2, keypoints=keypoints, visibility=visibility), maps=maps)
    (label,) = sample[FIELDS.keypoints].keypoints
    assert [np.isfinite(point).all() for point in label.points] == [i in (3, 7) for i in range(17)]
    assert label.confidence[5] == pytest.approx(0.1)
    (person,) = read_people(sample, FIELDS).people
    np.testing.assert_array_equal(person.keypoints, keypoints)
    np.testing.assert_array_equal(person.visibility, visibility)
    assert person.provenance.state == "predicted"
    # A place that another tool sets counts.
    label.points[5] = [0.5, 0.5]
    (person,) = read_people(sample, FIELDS).people
    np.testing.assert_allclose(person.keypoints[5], [SIZE[0] / 2, SIZE[1] / 2, 1])
    assert person.labelled().nonzero()[0].tolist() == [3, 5, 7]
    assert person.provenance.state == "edited"


def test_a_missing_keypoint_is_nan(sample, maps):
    keypoints = np.zeros((17, 3), np.float32)
    keypoints[3] = 32, 12, 0.5
    write(sample, block(2, keypoints=keypoints), maps=maps)
    (label,) = sample[FIELDS.keypoints].keypoints
    assert label.points[3] == [0.5, 0.25]
    assert np.isnan(label.points[0]).all()
    assert label.confidence[3] == 0.5


def test_maps_are_16_bit_files_named_by_their_content(sample, maps):
    write(sample, block(2), maps=maps)
    first = sample[FIELDS.u].map_path
    u = cv2.imread(first, cv2.IMREAD_UNCHANGED)
    assert u.dtype == np.uint16
    assert u.shape == SIZE[::-1]
    assert (u > 0).sum() == 12 * 30
    write(sample, block(2), maps=maps)
    assert sample[FIELDS.u].map_path == first
    write(sample, block(20), maps=maps)
    assert sample[FIELDS.u].map_path != first
    np.testing.assert_array_equal(cv2.imread(first, cv2.IMREAD_UNCHANGED), u)


def test_the_better_of_two_people_owns_the_pixels_they_share(sample, maps):
    write(sample, block(10, score=0.25), block(16, score=0.75), maps=maps)
    found = {person.box[0]: person for person in read_people(sample, FIELDS).people}
    assert (found[16].charts > 0).all()
    assert (found[10].charts[:, :6] > 0).all()
    assert not found[10].charts[:, 6:].any()


def test_a_moved_dataset_finds_the_owners_by_the_masks(sample, maps):
    write(sample, block(10, score=0.25), block(16, score=0.75), maps=maps)
    for path in maps.rglob("*-owners.png"):
        path.unlink()
    found = {person.box[0]: person for person in read_people(sample, FIELDS).people}
    assert (found[16].charts > 0).all()
    assert (found[10].charts[:, :6] > 0).all()
    assert not found[10].charts[:, 6:].any()


def test_predictions_that_nobody_reviewed_are_replaced(sample, maps):
    write(sample, block(2), block(40), maps=maps)
    replaced = write(sample, block(20), maps=maps)
    assert (replaced.added, replaced.kept, replaced.dropped) == (1, 0, 0)
    assert boxes(sample) == [(20, 10, 12, 30)]
    assert len(sample[FIELDS.parts].detections) == 2


def brush(sample):
    sample[FIELDS.people].detections[0].mask[5, 5] ^= True
    # Arrays that are changed in place are not seen as changes.
    sample[FIELDS.people].detections[0].mask = sample[FIELDS.people].detections[0].mask.copy()


def brush_part(sample):
    part = sample[FIELDS.parts].detections[0]
    part.mask = ~part.mask


def move_box(sample):
    x, y, w, h = sample[FIELDS.people].detections[0].bounding_box
    sample[FIELDS.people].detections[0].bounding_box = [x + 1 / 64, y, w, h]


def relabel_part(sample):
    sample[FIELDS.parts].detections[0].label = "head"


def delete_part(sample):
    del sample[FIELDS.parts].detections[0]


def add_part(sample):
    import fiftyone as fo

    part = fo.Detection(label="head", bounding_box=[3 / 64, 11 / 48, 4 / 64, 4 / 48])
    sample[FIELDS.parts].detections.append(part)


def move_keypoint(sample):
    sample[FIELDS.keypoints].keypoints[0].points[2] = [0.5, 0.5]


def tag(sample):
    sample[FIELDS.people].detections[0].tags.append("check")


def comment(sample):
    sample[FIELDS.people].detections[0]["comment"] = "left foot hidden"


def state(name):
    def set_state(sample):
        sample[FIELDS.people].detections[0]["review"] = name

    set_state.__name__ = name
    return set_state


TOUCHES = [
    (brush, "edited"),
    (brush_part, "edited"),
    (move_box, "edited"),
    (relabel_part, "edited"),
    (delete_part, "edited"),
    (add_part, "edited"),
    (move_keypoint, "edited"),
    (tag, "edited"),
    (comment, "predicted"),
    (state("edited"), "edited"),
    (state("approved"), "approved"),
    (state("rejected"), "rejected"),
]


@pytest.mark.parametrize(("touch", "expected"), TOUCHES, ids=[t.__name__ for t, _ in TOUCHES])
def test_a_touched_person_stays_exactly_as_it_is(sample, maps, touch, expected):
    write(sample, block(2, keypoints=np.ones((17, 3), np.float32)), block(40), maps=maps)
    touch(sample)
    sample.save()
    sample.reload(hard=True)
    kept = read_people(sample, FIELDS).people[0]
    labels = [find_labels(sample, FIELDS)[0][0]]
    before = [label.to_dict() for each in labels for label in (each.person, *each.parts, each.keypoints)]
    replaced = write(sample, block(3), block(20), maps=maps)
    assert (replaced.added, replaced.kept, replaced.dropped) == (1, 1, 1)
    after, new = find_labels(sample, FIELDS)[0]
    assert new.person.bounding_box[0] == 20 / 64
    now = [label.to_dict() for label in (after.person, *after.parts, after.keypoints)]
    assert now[0].pop("review") == expected
    before[0].pop("review")
    assert now == before
    found = read_people(sample, FIELDS).people
    assert_same(found[0], kept)
    assert found[0].provenance.state == expected
    assert [person.provenance.state for person in found[1:]] == ["predicted"]
    # A second run sees the same.
    assert write(sample, block(3), block(20), maps=maps) == replaced


def test_a_person_added_by_hand_is_kept(sample, maps):
    import fiftyone as fo

    write(sample, block(2), maps=maps)
    mask = np.ones((30, 12), bool)
    hand = fo.Detection(label="person", bounding_box=[40 / 64, 10 / 48, 12 / 64, 30 / 48], mask=mask)
    sample[FIELDS.people].detections.append(hand)
    sample.save()
    replaced = write(sample, block(2), block(41), maps=maps)
    assert (replaced.added, replaced.kept, replaced.dropped) == (1, 1, 1)
    assert sorted(boxes(sample)) == [(2, 10, 12, 30), (40, 10, 12, 30)]
    states = {person.box[0]: person.provenance.state for person in read_people(sample, FIELDS).people}
    assert states == {2: "predicted", 40: "edited"}


@pytest.mark.parametrize(
    ("there", "deleted", "again"),
    [((2, 40), 0, (3, 40)), ((2, 5), 1, (2, 5))],
    ids=["somebody alone", "a double of somebody"],
)
def test_a_deleted_person_does_not_come_back_and_takes_nobody_along(sample, maps, there, deleted, again):
    write(sample, *map(block, there), maps=maps)
    del sample[FIELDS.people].detections[deleted]
    sample.save()
    for _ in range(2):
        replaced = write(sample, *map(block, again), maps=maps)
        assert (replaced.added, replaced.dropped) == (1, 1)
        assert boxes(sample) == [(there[1 - deleted], 10, 12, 30)]


def test_a_person_that_was_deleted_may_be_labelled_by_hand(sample, maps):
    """A model's bad labels are deleted, and better ones imported."""
    write(sample, block(2), maps=maps)
    sample[FIELDS.people].detections = []
    sample.save()
    assert write(sample, block(2, provenance=Provenance()), maps=maps).added == 1


def test_an_issue_that_was_not_computed_is_not_known(sample, maps):
    write(sample, block(2), block(40, issues={"mask_border": 0.0}), maps=maps)
    assert [attribute(label, "issue_score") for label in sample[FIELDS.people].detections] == [None, 0.0]
    assert sample[FIELDS.issue_score] == 0.0


def test_after_the_field_is_cleared_everything_starts_afresh(sample, maps):
    write(sample, block(2), maps=maps)
    sample.dataset.clear_sample_field(FIELDS.people)
    sample.reload(hard=True)
    assert write(sample, block(2), maps=maps).added == 1


def test_an_imported_person_without_model_is_kept(sample, maps):
    write(sample, block(2, provenance=Provenance()), maps=maps)
    replaced = write(sample, block(2), maps=maps)
    assert (replaced.added, replaced.kept, replaced.dropped) == (0, 1, 1)


def test_a_neighbour_who_shares_the_box_is_no_duplicate(sample, maps):
    stripes = np.tile(np.arange(12) % 2 == 0, (30, 1))
    write(sample, block(2, mask=stripes, provenance=Provenance()), maps=maps)
    assert write(sample, block(2, mask=~stripes), maps=maps).added == 1


def test_parts_changed_by_hand_are_read(sample, maps):
    write(sample, block(2), maps=maps)
    add_part(sample)
    sample.save()
    (person,) = read_people(sample, FIELDS).people
    assert (person.parts[1:5, 1:5] == PARTS.index("head")).all()


def test_a_mask_of_another_size_is_stretched_over_the_box(sample, maps):
    write(sample, block(2), maps=maps)
    sample[FIELDS.people].detections[0].mask = np.array([[1, 0], [1, 1]], np.uint8) * 255
    sample.save()
    (person,) = read_people(sample, FIELDS).people
    assert person.mask.shape == (30, 12)
    assert not person.mask[:15, 6:].any()
    assert person.mask.sum() == 30 * 12 * 3 / 4
    assert not person.charts[~person.mask].any()


def test_of_a_person_moved_away_the_surface_is_not_known(sample, maps):
    write(sample, block(2), maps=maps)
    x, y, w, h = sample[FIELDS.people].detections[0].bounding_box
    sample[FIELDS.people].detections[0].bounding_box = [x + 0.5, y, w, h]
    sample.save()
    (person,) = read_people(sample, FIELDS).people
    assert person.mask.all()
    assert person.parts is person.charts is person.u is person.v is None
