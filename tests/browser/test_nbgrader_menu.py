"""What INSTRUCTORS.md says of JupyterLab's menu: fetch and submit, then collect in Formgrader."""

import pytest
from building import build

pytest.importorskip("nbgrader")
ASSIGNMENT = "01_dataset"


@pytest.fixture
def lab(tmp_path_factory, browser, serve):
    """The address of a JupyterLab in a course folder, whose assignment was released."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    course = tmp_path_factory.mktemp("nbgrader") / "course"
    exchange = course.parent / "exchange"
    assert build.main([ASSIGNMENT, "--nbgrader", str(course)]) == 0
    with (course / "nbgrader_config.py").open("a") as file:
        file.write(f"c.Exchange.root = {str(exchange)!r}\n")
    config = Config()
    config.CourseDirectory.root, config.CourseDirectory.course_id = str(course), "cenet"
    config.Exchange.root = str(exchange)
    api = NbGraderAPI(config=config)
    for step in (api.generate_assignment, api.release_assignment):
        done = step(ASSIGNMENT)
        assert done["success"], done
    with serve(course, course.parent / "private") as address:
        yield address


def choose(page, entry):
    page.locator(".lm-MenuBar-itemLabel", has_text="Nbgrader").click()
    page.locator(".lm-Menu-itemLabel", has_text=entry).first.click()


def test_an_assignment_goes_out_and_comes_back_through_the_menu(lab, watched):
    page = watched().page
    page.goto(f"{lab}/lab?reset")
    choose(page, "Assignment List")
    for step in ("Fetch", "Submit"):
        page.get_by_role("button", name=step, exact=True).click()
    page.get_by_role("button", name="Fetch Feedback").wait_for()
    choose(page, "Formgrader")
    form = page.frame_locator("iframe[src*=formgrader]")
    form.locator(".collect a").click()
    form.get_by_text("Successfully collected submissions").wait_for()
    form.locator(".modal.in .close, .modal.show .close").first.click()
    form.locator(".num-submissions", has_text="1").wait_for()
