"""A lesson in the real JupyterLab: pictures have their texts, and the glossary opens at a word."""

import matplotlib
import matplotlib.pyplot as plt
import nbformat
from bs4 import BeautifulSoup  # nbconvert needs it
from building import NOTEBOOKS
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbconvert import HTMLExporter

from cenet_lib.course.lesson import show

ALT = 'A line that rises, called "x", under 1 & 2'


def lesson():
    """Return a notebook as it is stored, with a link and a figure; nobody has trusted it."""
    matplotlib.use("agg")
    figure, axes = plt.subplots()
    axes.plot([0, 1])
    InteractiveShell.instance()  # without one, nothing is displayed
    with capture_output() as captured:
        show(figure, ALT)
    [shown] = captured.outputs
    output = nbformat.v4.new_output("display_data", data=shown.data)
    cells = [
        nbformat.v4.new_markdown_cell("A [word](GLOSSARY.md#counting-identity) of it."),
        nbformat.v4.new_code_cell("1", outputs=[output]),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def test_texts_of_pictures_and_links_to_the_glossary_in_jupyterlab(jupyter, workplace, watched):
    nbformat.write(lesson(), workplace / "lesson.ipynb")
    (workplace / "GLOSSARY.md").write_bytes((NOTEBOOKS / "GLOSSARY.md").read_bytes())
    page = watched(its_own=True).page
    page.goto(f"{jupyter}/lab/tree/lesson.ipynb?reset")
    picture = page.locator(".jp-OutputArea img")
    picture.wait_for()
    assert picture.get_attribute("alt") == ALT
    assert picture.evaluate("(image) => image.naturalWidth") >= 2 * picture.bounding_box()["width"]
    page.locator(".jp-MarkdownOutput a", has_text="word").first.click()
    entry = page.locator(".jp-MarkdownViewer h2", has_text="Counting identity")
    entry.wait_for()
    page.wait_for_function(
        """() => { const at = [...document.querySelectorAll(".jp-MarkdownViewer h2")]
                .find((heading) => heading.textContent.startsWith("Counting identity"))
                .getBoundingClientRect();
            return 0 < at.top && at.top < window.innerHeight / 2 }"""
    )


def test_texts_of_pictures_in_what_nbconvert_writes():
    page, _ = HTMLExporter().from_notebook_node(lesson())
    assert [image["alt"] for image in BeautifulSoup(page, "html.parser").select("img")] == [ALT]
