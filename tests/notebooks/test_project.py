"""The project of two weeks: its baseline is as recorded, its points add up."""

import re

import pandas as pd
import pytest
from building import NOTEBOOKS

from cenet_lib.results.plots import seed_interval

PAGE = (NOTEBOOKS / "PROJECT.md").read_text(encoding="utf-8")
WORLDS = pd.read_csv(NOTEBOOKS / "results" / "worlds.csv")
NUMBER = r"(\d\.\d{3}) \[(\d\.\d{3}), (\d\.\d{3})\]"
ROWS = re.findall(rf"^\| `(demo\S*)` \| `(\w+)` \| {NUMBER} \| {NUMBER} \|$", PAGE, re.M)


def test_every_baseline_is_there():
    assert [row[:2] for row in ROWS] == [
        (world, fusion) for world in ("demo", "demo-irony") for fusion in ("none", "late", "ce")
    ]


@pytest.mark.parametrize(("world", "fusion", "numbers"), [(r[0], r[1], r[2:]) for r in ROWS])
def test_the_baseline_is_what_was_recorded(world, fusion, numbers):
    runs = WORLDS[(WORLDS["corpus"] == world) & (WORLDS["fusion"] == fusion)]
    runs = runs[runs["attention_scale"] != 0].drop_duplicates("seed")
    assert len(runs) == 10
    recorded = []
    for metric in ("valid_mae", "test_mae"):
        recorded += [runs[metric].mean(), *seed_interval(runs[metric])]
    assert [f"{value:.3f}" for value in recorded] == list(numbers)


def test_the_points_add_up():
    points = re.findall(r"^\| \*\*\w+\*\* \| (\d+) \|", PAGE, re.M)
    [total] = re.findall(r"^\| \| \*\*(\d+)\*\* \|", PAGE, re.M)
    assert sum(map(int, points)) == int(total)
