import json
from dataclasses import fields

import numpy as np

from annotator.cluster.dense_entries import decode_people, encode_people
from annotator.labels.people import People, Person, PossiblePerson
from tests.annotator.people_samples import SIZE, block


def test_people_come_back_as_they_were():
    bare = Person((1, 2, 3, 4))
    people = People(
        SIZE, [block(10), block(40, score=0.5), bare], possible=[PossiblePerson((1.5, 2, 3, 4), 0.25)]
    )
    again = decode_people(json.loads(json.dumps(encode_people(people))))
    assert (again.size, again.possible) == (people.size, people.possible)
    for one, other in zip(people.people, again.people, strict=True):
        for field in fields(Person):
            was, now = getattr(one, field.name), getattr(other, field.name)
            if isinstance(was, np.ndarray):
                assert was.dtype == now.dtype
                assert np.array_equal(was, now), field.name
            else:
                assert was == now, field.name
