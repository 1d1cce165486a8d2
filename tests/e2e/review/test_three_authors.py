"""Two browsers and a script edit the same people at the same time: what each was told is so in the end."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect

from annotator.dataset.fields import declare_fields
from annotator.dataset.sample_people import replace_predictions
from annotator.labels.people import People
from tests.e2e.review.panel import FIELDS, SIZE, Panel, body_person

IMAGES, MANY_IMAGES = 4, 20
SECONDS, MANY_SECONDS = 10, 180
"""Of editing, in the suite and with ``--campaign``."""
PATIENCE = 300
"""Seconds more for a slow machine."""
NOSE, SHOULDER, HIP = 0, 5, 12
"""The keypoint of Ada, of Bob and of the script: of the last that each moved everybody can be sure."""
SCRIPT = f"""
import json, random, sys, time
import fiftyone as fo

dataset = fo.load_dataset(sys.argv[1])
keys = dataset.sort_by("filepath").values("id")
print("ready", flush=True)
while True:
    number = random.randrange(len(keys))
    sample = dataset[keys[number]]
    sample.reload(hard=True)
    place = [0.45 + 0.01 * random.randrange(10), 0.6 + 0.01 * random.randrange(10)]
    sample.dp_keypoints.keypoints[0].points[{HIP}] = place
    sample.save()
    print(json.dumps([number, place]), flush=True)
    time.sleep(random.uniform(0.1, 0.6))
"""


@pytest.fixture
def samples(dataset, tmp_path, campaign) -> list:
    """Photos with one person each."""
    import fiftyone as fo

    declare_fields(dataset, FIELDS)
    for number in range(MANY_IMAGES if campaign else IMAGES):
        # Two digits: no name is the beginning of another.
        path = tmp_path / f"photo{number:02}.png"
        cv2.imwrite(str(path), np.full((*SIZE[::-1], 3), 90, np.uint8))
        sample = fo.Sample(filepath=str(path))
        dataset.add_sample(sample)
        replace_predictions(sample, People(SIZE, [body_person(250, 60)]), FIELDS, tmp_path / "maps")
        sample.save()
    return list(dataset)


class Author:
    """Somebody at a panel who moves one keypoint of each person."""

    def __init__(self, panel: Panel, name: str, keypoint: int) -> None:
        self.panel, self.keypoint = panel, keypoint
        # High enough to show the whole queue.
        panel.page.set_viewport_size({"width": 1500, "height": 950 if len(panel.samples) <= IMAGES else 2400})
        panel.open(name)
        self.home = body_person(250, 60).keypoints[keypoint, :2].astype(float)
        self.places: dict[int, np.ndarray] = {}
        """By the image, as this author was told last."""
        self.told: Counter = Counter()

    def show(self, number: int) -> None:
        panel = self.panel
        if not panel["queue"].is_visible():
            panel.page.get_by_role("button", name="Queue", exact=True).click()
        panel["item"].filter(has_text=f"photo{number:02}.").click()
        panel.wait_for_image(number)

    def move(self, number: int, chance: random.Random) -> np.ndarray:
        """Move the keypoint and wait for no answer; where to."""
        at = self.places.get(number, self.home)
        place = self.home + np.array([chance.randrange(-20, 21, 8), chance.randrange(-12, 13, 8)])
        if np.abs(place - at).max() < 5:
            place[1] += 16
        self.panel.press("k")
        self.panel.drag(tuple(at), tuple(place))
        return place

    def wait(self, number: int, place: np.ndarray, chance: random.Random) -> None:
        """Wait until the author is told what became of the edit."""
        panel = self.panel
        panel.saved()
        answer = "acknowledged"
        while panel["conflict"].count():
            self.told["conflict"] += 1
            answer = chance.choice(["Keep theirs", "Do mine on top"])
            panel.page.get_by_role("button", name=answer).click()
            panel.saved()
            if answer == "Keep theirs":
                expect(panel["conflict"]).to_have_count(0)
        assert not panel["refusal"].count(), panel["refusal"].inner_text()
        if answer != "Keep theirs":
            self.told["acknowledged"] += 1
            self.places[number] = place


class Script:
    """A process that moves a keypoint of each person through FiftyOne's own API."""

    def __init__(self, dataset: str) -> None:
        command = [sys.executable, "-c", SCRIPT, dataset]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        self.places: dict[int, list[float]] = {}
        self.acknowledged = 0
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        assert self._is_ready.wait(300)

    def _read(self) -> None:
        for line in self._process.stdout:
            if line.strip() == "ready":
                self._is_ready.set()
            elif self._is_ready.is_set():
                number, self.places[number] = json.loads(line)
                self.acknowledged += 1

    def stop(self) -> None:
        self._process.terminate()
        self._thread.join()
        self._process.stdout.close()
        self._process.wait()


def test_what_each_author_was_told_is_so(dataset, samples, url, new_page, campaign):
    dataset.persistent = True
    chance = random.Random(0)
    ada, bob = (
        Author(Panel(new_page(), url, samples), name, keypoint)
        for name, keypoint in (("Ada", NOSE), ("Bob", SHOULDER))
    )
    script = Script(dataset.name)
    try:
        end = time.monotonic() + (MANY_SECONDS if campaign else SECONDS)
        # A slow machine gets the time that both need to have one edit acknowledged.
        while time.monotonic() < end or not (ada.told["acknowledged"] and bob.told["acknowledged"]):
            assert time.monotonic() < end + PATIENCE
            # Half of the time at the same person.
            first = chance.randrange(len(samples))
            second = first if chance.random() < 0.5 else chance.randrange(len(samples))
            ada.show(first)
            bob.show(second)
            places = ada.move(first, chance), bob.move(second, chance)
            ada.wait(first, places[0], chance)
            bob.wait(second, places[1], chance)
    finally:
        script.stop()
    print(f"Ada {dict(ada.told)}, Bob {dict(bob.told)}, script {script.acknowledged} saved")
    for number, sample in enumerate(samples):
        sample.reload(hard=True)
        points = np.array(sample.dp_keypoints.keypoints[0].points)
        for author in (ada, bob):
            expected = author.places.get(number, author.home)
            assert points[author.keypoint] * SIZE == pytest.approx(expected, abs=2), Path(
                sample.filepath
            ).name
        if number in script.places:
            assert points[HIP] == pytest.approx(script.places[number], abs=1e-6)
