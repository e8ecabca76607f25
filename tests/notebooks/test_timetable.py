"""The timetable for instructors adds up: by meetings, by exercises, by what notebooks state."""

import re

import jupytext
import pytest
from building import NOTEBOOKS, build

PAGE = (NOTEBOOKS / "INSTRUCTORS.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## A timetable")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| (\*\*.+?\*\*[^|]*)?\s*\| (\d+) \| (.+) \|$", TABLE, re.M)
SOURCES = [path.read_text(encoding="utf-8").replace("\n# ", "\n") for path in sorted(
    build.SOURCES.glob("*.py"))]  # fmt: skip
EXERCISES = {n: int(m) for text in SOURCES for n, _, m, _ in build.HEADING.findall(text)}
STATED = [int(re.search(r"\*\*Time\*\* (\d+) minutes", text)[1]) for text in SOURCES]


def named(text: str) -> list[str]:
    """Return the exercises that a row names, such as "exercises 1.1 to 1.3, 2.2"."""
    found = []
    listed = re.search(r"exercises ((?:\d\.\d(?: to |, )?)+)", text)
    for part in re.findall(r"(\d\.\d)(?: to (\d\.\d))?", listed[1] if listed else ""):
        first, last = part[0], part[1] or part[0]
        found += [name for name in EXERCISES if first <= name <= last]
    return found


def meetings() -> dict[str, int]:
    """Return the minutes of each meeting; a row without a name goes on with the last one."""
    total: dict[str, int] = {}
    for name, minutes, _ in ROWS:
        place = name.strip("* ").split("**")[0] or list(total)[-1]
        total[place] = total.get(place, 0) + int(minutes)
    return total


def test_each_meeting_has_its_minutes():
    total = meetings()
    for name in ("Lecture 1", "Lab 1", "Lecture 2", "Lab 2"):
        assert total[name] == 90, name
    assert total["Lab 3"] == STATED[7]


@pytest.mark.parametrize("chapter", range(1, len(SOURCES) + 1))
def test_the_minutes_of_a_notebook_are_those_of_a_reader(chapter):
    """Who reads 200 words and 20 lines of code a minute, does exercises, and unfolds nothing."""
    [path] = build.SOURCES.glob(f"{chapter:02}_*.py")
    minutes = sum(int(m) for _, _, m, _ in build.HEADING.findall(SOURCES[chapter - 1]))
    for cell in jupytext.read(path).cells:
        shut = r"<details>.*?</details>|### BEGIN SOLUTION.*?### END SOLUTION"
        text = re.sub(shut, "", cell.source, flags=re.S)
        if cell.cell_type == "markdown":
            minutes += len(text.split()) / 200
        else:
            minutes += len([line for line in text.splitlines() if line.strip()]) / 20
    assert abs(STATED[chapter - 1] - minutes) <= 4, round(minutes)


def test_the_readme_states_the_same_minutes():
    page = (NOTEBOOKS.parent / "README.md").read_text(encoding="utf-8")
    assert [int(m) for m in re.findall(r"^\| !\[.* \| (\d+) \|$", page, re.M)] == STATED


def test_every_exercise_is_done_once_and_fits_its_row():
    done = []
    for name, minutes, what in ROWS:
        exercises = named(what)
        taken = sum(EXERCISES[one] for one in exercises)
        assert taken == int(minutes) if "At home" in name else taken <= int(minutes), (name, what)
        done += exercises
    assert sorted(done) == sorted(EXERCISES)


def test_reading_takes_what_the_notebooks_state_without_their_exercises():
    total = meetings()
    for name, first, last in (("Before lab 1", 1, 3), ("Before lab 2", 4, 7)):
        stated = sum(STATED[first - 1 : last])
        for text in SOURCES[first - 1 : last]:
            stated -= sum(int(minutes) for _, _, minutes, _ in build.HEADING.findall(text))
        assert total[name] == stated
