"""The inspector as a person uses it: in JupyterLab, in Notebook 7, in a notebook from elsewhere."""

import ast
import os
import re

import nbformat
import processes
import pytest

OPEN = """from cenet_lib import AttentionInspector
inspector = AttentionInspector.from_run("ce")
heard = []
inspector.observe(lambda change: heard.append(change["name"]), ["utterance", "word", "code"])
inspector"""
READ = """chosen = [inspector.utterance, inspector.word, inspector.code, inspector.view]
print([*chosen, sorted(set(heard))])"""
SET = """inspector.utterance = inspector.listing["id"][3]
inspector.word, inspector.code, inspector.view = 1, ("acoustic", 2), "codes"
inspector.to_html("page.html", 4)
print("[]")"""

SEVERAL = [
    """from cenet_lib import AttentionInspector
inspector = AttentionInspector.from_run("ce", compare=1.0)
inspector""",
    "print([inspector.maps, inspector.pair])",
    """inspector.pair = (0, 1)
print([])""",
]


def write_notebook(path, cells):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, path)


class Notebook:
    """A notebook page, driven by mouse and keyboard."""

    def __init__(self, page, address):
        self.page = page
        page.goto(f"{address}?reset")  # without the notebooks of the tests before
        page.wait_for_selector(".jp-Cell .cm-content")
        page.wait_for_function(
            """() => { const kernel =
                window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
            return kernel?.connectionStatus === "connected" && kernel.status === "idle" }"""
        )

    def cell(self, number):
        return self.page.locator(".jp-CodeCell").nth(number)

    def run(self, number):
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def printed(self, number, until=lambda found: True):
        """Run a cell that prints a Python literal, and return it.

        A widget tells Python what was done on the page when the kernel is idle again, and a cell
        may overtake it: so ask again, for a while, ``until`` the answer is what it will be.
        """
        for _ in range(20):
            self.run(number)
            output = self.cell(number).locator(".jp-OutputArea-output")
            output.first.wait_for()
            found = ast.literal_eval(output.first.inner_text().strip().splitlines()[-1])
            if until(found):
                break
            self.page.wait_for_timeout(250)
        return found


@pytest.mark.parametrize("where", ["lab/tree", "notebooks"], ids=["JupyterLab", "Notebook 7"])
def test_a_person_looks_into_the_attention(where, jupyter, watched, workplace):
    name = f"look_{where[:3]}.ipynb"
    write_notebook(workplace / name, [OPEN, READ, SET, READ])
    watch = watched(its_own=True)
    page = watch.page
    notebook = Notebook(page, f"{jupyter}/{where}/{name}")
    before = len(watch.errors)  # Notebook 7 complains to itself while it starts
    notebook.run(0)
    inspector = notebook.cell(0)
    inspector.locator(".sentence button").first.wait_for()

    # choose an utterance by its words
    inspector.locator("input[type=search]").fill("great film onerror")
    assert inspector.locator("[role=option]").count() == 1
    inspector.locator("[role=option]").click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.jp-CodeCell div')].some(e => e.shadowRoot && "
        "e.shadowRoot.querySelector('.sentence').textContent.includes('onerror'))"
    )
    assert page.evaluate("window.hacked") is None
    words = inspector.locator(".sentence button").all_inner_texts()
    assert '<img src=x onerror="window.hacked=1">' in words

    # click a word, and a code above the map
    inspector.locator(".sentence button", has_text="great").click()
    assert inspector.locator(".words .on").first.inner_text() == "great"
    inspector.locator("canvas.head").first.click(position={"x": 12, "y": 12})
    assert inspector.locator(".profile h3").inner_text().startswith("Face code ")

    # take two codes away: the kernel computes what is predicted without them
    inspector.locator("[data-act=chosen]").click()
    inspector.locator("[data-act=chosen][aria-pressed=true]").wait_for()
    inspector.locator("canvas.head").first.click(position={"x": 70, "y": 12})
    inspector.locator("[data-act=chosen][aria-pressed=false]").click()
    told = inspector.locator(".taken p")
    told.filter(
        has_text=re.compile(r"Without face code \d+, face code \d+ .+ instead of \S+\.")
    ).wait_for()

    # what if a word were another: the kernel answers
    inspector.locator(".whatif summary").click()
    inspector.get_by_label("what stands there instead").fill("dull")
    page.keyboard.press("Enter")
    inspector.locator(".outcome p", has_text="the model predicts").wait_for()
    inspector.locator("[data-act=all]").click()

    # over time, closer, and with the keyboard alone
    inspector.locator("[data-view=frames]").click()
    inspector.locator("button[title='zoom in']").first.click()
    strip = inspector.locator("canvas.strip").first
    strip.focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    assert strip.get_attribute("aria-valuenow") == "2"
    code = int(re.search(r"code (\d+)", strip.get_attribute("aria-valuetext"))[1])

    found = notebook.printed(1, until=lambda found: found[2] == ("visual", code))
    utterance, word, chosen, view, heard = found
    assert (word, chosen, view) == (3, ("visual", code), "frames")
    assert heard == ["code", "utterance", "word"]

    # Python sets, the page follows
    notebook.printed(2)
    inspector.locator("[data-view=codes][aria-pressed=true]").wait_for()
    assert inspector.locator(".sentence button[aria-pressed=true]").count() == 1
    assert inspector.locator(".profile h3").inner_text() == "Voice code 2"
    assert notebook.printed(3)[:4] != [utterance, word, chosen, view]
    assert (workplace / "page.html").stat().st_size > 50_000

    if where == "lab/tree":
        light = inspector.locator(".root").evaluate("e => getComputedStyle(e).backgroundColor")
        page.evaluate(
            "jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
        )
        page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
        dark = inspector.locator(".root").evaluate("e => getComputedStyle(e).backgroundColor")
        assert (light, dark) == ("rgb(255, 255, 255)", "rgb(21, 23, 28)")
        page.evaluate(
            "jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})"
        )
    assert watch.errors[before:] == []
    assert watch.requests
    assert watch.left_the_machine() == []


def test_maps_of_several_models_are_chosen_here_and_read_there(jupyter, watched, workplace):
    write_notebook(workplace / "several.ipynb", SEVERAL)
    watch = watched()
    notebook = Notebook(watch.page, f"{jupyter}/lab/tree/several.ipynb")
    before = len(watch.errors)
    notebook.run(0)
    inspector = notebook.cell(0)
    heads = inspector.locator(".band h2")
    heads.first.wait_for()
    assert heads.all_inner_texts()[:2] == ["Face, scale 400", "Face, scale 1"]
    inspector.locator("[data-maps=difference]").click()
    inspector.locator(".band h2", has_text="Face, scale 400 − scale 1").wait_for()
    inspector.get_by_label("run whose codes are shown").select_option("1")
    inspector.locator(".band h2", has_text="Face, scale 1 − scale 400").wait_for()
    found = notebook.printed(1, until=lambda found: found[1] == (1, 0))
    assert found == ["difference", (1, 0)]
    assert notebook.printed(2) == []  # Python sets, the page follows
    inspector.locator(".band h2", has_text="Face, scale 400 − scale 1").wait_for()
    inspector.locator("[data-maps=each]").click()
    assert notebook.printed(1, until=lambda found: found[0] == "each") == ["each", (0, 1)]
    assert watch.errors[before:] == []


def test_keys_meant_for_the_inspector_leave_the_cells_alone(jupyter, watched, workplace):
    write_notebook(workplace / "keys.ipynb", [OPEN, READ])
    notebook = Notebook(watched(its_own=True).page, f"{jupyter}/lab/tree/keys.ipynb")
    notebook.run(0)
    inspector = notebook.cell(0)
    inspector.locator(".sentence button").first.wait_for()
    inspector.locator("canvas.map").first.focus()
    for key in ("ArrowDown", "d", "d", "x", "b", "ArrowRight", "Enter"):
        notebook.page.keyboard.press(key)  # in a notebook: delete, cut, insert a cell
    assert notebook.page.locator(".jp-CodeCell").count() == 2
    found = notebook.printed(1, until=lambda found: found[1] == 1)
    assert found[1] == 1  # down one row from the first word


def test_a_notebook_from_elsewhere_shows_a_picture(jupyter, watched, workplace, monkeypatch):
    """Executed on another machine: no kernel, no widget state, not trusted here."""
    from jupyter_client.provisioning import local_provisioner
    from nbclient import NotebookClient

    if os.name != "nt":
        monkeypatch.setattr(local_provisioner, "launch_kernel", processes.Kernel)
    write_notebook(workplace / "sent.ipynb", [OPEN])
    notebook = nbformat.read(workplace / "sent.ipynb", 4)
    client = NotebookClient(
        notebook, resources={"metadata": {"path": str(workplace)}}, store_widget_state=False
    )
    client.execute()
    nbformat.write(notebook, workplace / "sent.ipynb")
    watch = watched(its_own=True)
    watch.page.goto(f"{jupyter}/lab/tree/sent.ipynb")
    picture = watch.page.locator(".jp-OutputArea-output img")
    picture.wait_for()
    assert picture.evaluate("image => image.naturalWidth") > 400
    assert watch.left_the_machine() == []


def test_ones_own_notebook_opened_again_shows_a_picture(jupyter, watched, workplace):
    """Saved here and trusted, and then its kernel has gone: the widget has no model any more."""
    write_notebook(workplace / "again.ipynb", [OPEN])
    watch = watched(its_own=True)
    page = watch.page
    notebook = Notebook(page, f"{jupyter}/lab/tree/again.ipynb")
    notebook.run(0)
    notebook.cell(0).locator(".sentence button").first.wait_for()
    stand_in = page.locator(".cenet-stand-in")
    assert stand_in.is_hidden()
    page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    page.evaluate("jupyterapp.serviceManager.sessions.shutdownAll()")
    page.wait_for_function("async () => (await (await fetch('/api/sessions')).json()).length === 0")
    Notebook(page, f"{jupyter}/lab/tree/again.ipynb")
    stand_in.wait_for()
    box = stand_in.bounding_box()
    assert (box["width"] > 400, box["height"] > 200) == (True, True)
    assert page.get_by_text("model not found").is_hidden()
