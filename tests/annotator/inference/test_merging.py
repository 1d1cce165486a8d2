import numpy as np
import pytest

from annotator.inference.merging import choose, score
from annotator.inference.scoring import UNSEEN, box_presence, presence, voted_presence
from annotator.inference.settings import Settings
from annotator.labels.label_space import PARTS
from annotator.labels.people import People, Person, PossiblePerson

SIZE = (200, 100)
EVERYBODY = Settings(proposals="both", confidence=0.0)


def person(x: int, y: int, w: int, h: int, score: float = 0.9) -> Person:
    """Whose mask fills the box."""
    return Person((x, y, w, h), mask=np.ones((h, w), bool), score=score)


def proposal(x: int, y: int, w: int, h: int, score: float = 0.8) -> PossiblePerson:
    return PossiblePerson((float(x), float(y), float(w), float(h)), score)


def merge(
    proposals: list[PossiblePerson],
    labelled: list[Person | None],
    voted: list[Person] = (),
    settings: Settings = EVERYBODY,
) -> People:
    return choose(SIZE, score(SIZE, proposals, labelled, voted), proposals[len(labelled) :], settings)


def merged(*labelled: tuple[PossiblePerson, Person | None], settings: Settings = EVERYBODY) -> People:
    """Of proposals and their labels, and nothing else."""
    proposals, people = zip(*labelled, strict=True) if labelled else ((), ())
    return merge(list(proposals), list(people), settings=settings)


def boxes(people: People) -> list[tuple]:
    return [person.box for person in people.people]


def test_people_come_with_the_highest_score_first():
    found = merged(
        (proposal(0, 0, 20, 50, 0.9), person(0, 0, 10, 20)),
        (proposal(50, 0, 20, 50, 0.8), person(50, 0, 20, 50)),
        (proposal(100, 0, 20, 50, 0.3), person(100, 0, 20, 50)),
    )
    scores = [person.score for person in found.people]
    assert (len(scores), scores) == (3, sorted(scores, reverse=True))
    assert found.size == SIZE
    assert found.possible == []
    by_box = {person.box: person.score for person in found.people}
    full = person(50, 0, 20, 50)
    assert by_box[full.box] == presence(full, proposal(50, 0, 20, 50, 0.8))


def test_nobody():
    assert merged() == People(SIZE)
    assert merged((proposal(0, 0, 20, 50), None)).people == []


@pytest.mark.parametrize(
    ("other", "is_duplicate"),
    [
        ((12, 10, 40, 60), True),
        ((20, 30, 8, 8), True),
        ((45, 10, 40, 60), False),
        ((120, 10, 40, 60), False),
        ((5, 5, 8, 60), False),
    ],
    ids=["almost the same", "inside", "beside", "far", "at the rim"],
)
def test_duplicates(other: tuple[int, int, int, int], is_duplicate: bool):
    found = merged(
        (proposal(10, 10, 40, 60, 0.9), person(10, 10, 40, 60)),
        (proposal(*other, 0.4), person(*other)),
    )
    assert boxes(found) == [(10, 10, 40, 60)] + ([] if is_duplicate else [other])


def test_of_two_labels_of_one_person_the_one_of_the_higher_score_stays():
    found = merged(
        (proposal(12, 10, 40, 60, 0.5), person(12, 10, 40, 60)),
        (proposal(10, 10, 40, 60, 0.4), person(10, 10, 40, 60)),
    )
    assert boxes(found) == [(12, 10, 40, 60)]


def test_masks_and_not_boxes_say_who_is_a_duplicate():
    """Two people who are entwined: the same box, each with half of its pixels."""
    stripes = np.arange(40) % 2 == 0
    both = [Person((10, 10, 40, 60), mask=np.tile(half, (60, 1)), score=0.9) for half in (stripes, ~stripes)]
    found = merged(*((proposal(10, 10, 40, 60), one) for one in both))
    assert len(found.people) == 2


def test_possible_people_are_apart_from_people():
    sure, doubtful = proposal(0, 0, 20, 50, 0.95), proposal(50, 0, 20, 50, 0.2)
    high, low = (presence(person(*map(int, p.box)), p) for p in (sure, doubtful))
    assert low < high

    def found(confidence: float, possible: float) -> People:
        settings = Settings(proposals="finder", confidence=confidence, possible=possible)
        return merged(*((p, person(*map(int, p.box))) for p in (sure, doubtful)), settings=settings)

    everybody = found(low, 0)
    assert (len(everybody.people), everybody.possible) == (2, [])
    apart = found((low + high) / 2, low)
    assert boxes(apart) == [(0, 0, 20, 50)]
    assert apart.possible == [PossiblePerson(doubtful.box, low)]
    strict = found((low + high) / 2, (low + 2 * high) / 3)
    assert (boxes(strict), strict.possible) == ([(0, 0, 20, 50)], [])


def test_a_box_that_was_not_looked_at_closely_can_only_be_a_possible_person():
    close, far, none = proposal(0, 0, 20, 50), proposal(50, 0, 20, 50, 0.2), proposal(99, 0, 20, 50, 0.01)
    settings = Settings(proposals="finder", confidence=0.0, possible=box_presence(far))
    found = merge([close, far, none], [person(0, 0, 20, 50)], settings=settings)
    assert boxes(found) == [(0, 0, 20, 50)]
    assert found.possible == [PossiblePerson(far.box, box_presence(far))]


def test_possible_people_are_nobody_who_is_there_already_and_come_most_probable_first():
    proposals = [
        proposal(0, 0, 40, 90, 0.9),
        proposal(100, 0, 40, 50, 0.15),
        proposal(2, 0, 40, 90, 0.19),  # the person
        proposal(10, 20, 10, 20, 0.18),  # inside the person
        proposal(102, 0, 40, 50, 0.17),  # the next possible person, more probable
        proposal(110, 10, 8, 9, 0.05),  # inside a possible person
        proposal(160, 0, 30, 50, 0.16),
    ]
    settings = Settings(proposals="finder", confidence=0.0, possible=0.0)
    found = merge(proposals, [person(0, 0, 40, 90)], settings=settings)
    assert [one.box[0] for one in found.possible] == [102, 160]


def test_a_person_of_the_votes_whom_the_finder_missed():
    seen, missed = person(0, 0, 40, 60), person(100, 10, 40, 60, 0.95)
    alone = voted_presence(missed, UNSEEN, SIZE)
    for confidence, possible, found, possibly in (
        (alone, 0.0, [(0, 0, 40, 60), missed.box], []),
        (min(alone * 1.01, 1), alone, [(0, 0, 40, 60)], [missed.box]),
        (min(alone * 1.02, 1), min(alone * 1.01, 1), [(0, 0, 40, 60)], []),
    ):
        settings = Settings(proposals="both", confidence=confidence, possible=possible)
        one = [person(*seen.box)], [person(*missed.box, 0.95)]
        result = merge([proposal(*seen.box, 0.9)], *one, settings)
        assert boxes(result) == found
        assert [one.box for one in result.possible] == possibly
        assert all(one.score == alone for one in result.possible)


def test_a_person_of_the_votes_and_the_finder_is_there_once():
    box = proposal(0, 0, 40, 60, 0.9)
    result = merge([box], [person(0, 0, 40, 60)], [person(1, 0, 40, 60)])
    assert boxes(result) == [(0, 0, 40, 60)]
    # Where the close view shows nobody the finder's score is still that of the person of the votes.
    result = merge([box], [None], [person(1, 0, 40, 60)])
    (one,) = result.people
    scores = [voted_presence(person(1, 0, 40, 60), seen, SIZE) for seen in (box, UNSEEN)]
    assert one.score == scores[0] > scores[1]


def with_head(one: Person) -> Person:
    """Whose upper fifth is the head."""
    one.parts = np.ones(one.mask.shape, np.uint8)
    one.parts[: len(one.parts) // 5] = PARTS.index("head")
    return one


def test_votes_split_whom_the_finder_takes_for_one():
    both, box = person(0, 0, 40, 60), proposal(0, 0, 40, 60, 0.9)
    halves = [with_head(person(x, 0, 20, 60, 0.8)) for x in (0, 20)]
    result = merge([box], [both], halves)
    assert sorted(boxes(result)) == [(0, 0, 20, 60), (20, 0, 20, 60)]
    # They are as likely there as the one.
    assert {one.score for one in result.people} == {presence(person(0, 0, 40, 60), box)}


def test_a_piece_without_a_head_is_nobody():
    halves = [with_head(person(0, 0, 20, 60, 0.8)), person(20, 0, 20, 60, 0.8)]
    result = merge([proposal(0, 0, 40, 60, 0.9)], [person(0, 0, 40, 60)], halves)
    assert boxes(result) == [(0, 0, 40, 60)]


def test_votes_are_believed_the_more_the_larger_a_person_is():
    scores = [
        voted_presence(person(0, 0, *side, 0.95), UNSEEN, SIZE) for side in ((10, 20), (40, 90), (150, 100))
    ]
    assert scores == sorted(scores)
    assert 0 < scores[0] < scores[-1] < 1


def test_who_is_chosen_depends_on_the_masks_there_are_by_now():
    """A mask of two people hides the second one until it is that of one."""
    box = proposal(20, 0, 20, 60, 0.5)
    both = person(0, 0, 40, 60, 0.99)
    candidates = score(SIZE, [box], [person(20, 0, 20, 60, 0.5)], [both])
    assert boxes(choose(SIZE, candidates, [], EVERYBODY)) == [(0, 0, 40, 60)]
    both.mask[:, 20:] = False
    assert boxes(choose(SIZE, candidates, [], EVERYBODY)) == [(0, 0, 40, 60), (20, 0, 20, 60)]
