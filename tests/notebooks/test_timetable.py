"""The timetable for instructors adds up: by meetings, by exercises, by what notebooks state."""

import re

from building import NOTEBOOKS, build

PAGE = (NOTEBOOKS / "INSTRUCTORS.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## A timetable")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| (\*\*.+?\*\*[^|]*)?\s*\| (\d+) \| (.+) \|$", TABLE, re.M)
SOURCES = [path.read_text(encoding="utf-8").replace("\n# ", "\n") for path in sorted(
    build.SOURCES.glob("*.py"))]  # fmt: skip
EXERCISES = {n: int(m) for text in SOURCES for n, _, m, _ in build.HEADING.findall(text)}


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
    assert total["Lab 3"] == 45


def test_every_exercise_is_done_once_and_fits_its_row():
    done = []
    for name, minutes, what in ROWS:
        exercises = named(what)
        assert sum(EXERCISES[one] for one in exercises) <= int(minutes), (name, what)
        done += exercises
    assert sorted(done) == sorted(EXERCISES)


def test_reading_takes_what_the_notebooks_state_without_their_exercises():
    total = meetings()
    for name, first, last in (("Before lab 1", 1, 3), ("Before lab 2", 4, 7)):
        stated = 0
        for text in SOURCES[first - 1 : last]:
            exercises = sum(int(minutes) for _, _, minutes, _ in build.HEADING.findall(text))
            stated += int(re.search(r"\*\*Time\*\* (\d+) minutes", text)[1]) - exercises
        assert total[name] == stated
