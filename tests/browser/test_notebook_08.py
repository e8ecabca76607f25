"""Notebook 08 with a camera: a person records a face in it, trains on it, and deletes it."""

import jupytext
import pytest
from browsing import FLAGS, Watched, chromium, write_microphone
from building import NOTEBOOKS
from test_notebook import Notebook, write_notebook

FAST = "import os\nos.environ['CENET_FAST'] = '1'"
ASK = """said = run.predictions.set_index("id")
measured = {one.id: [one.video, len(one.visual), len(one.acoustic)] for one in corpus}
said = {id: [said.split[id], float(said.prediction[id])] for id in said.index}
print([measured, [*by_person.index], said])"""
GONE = "print([[one.state for one in recorders.values()], Path(place.name).exists()])"
# The cells of the notebook that are about one's own films, by what is in them.
CELLS = (
    "from cenet_lib import (",
    "recorders = {",
    "place = ",
    "woman = [",
    "table = ",
    "made = ",
    "speakers = ",
    "everybody = ",
    "by_person = ",
    "options = ",
    "inspector = ",
    ".forget()",
)
# A test need not wait for all of the long film, nor for a large model.
SHORTER = {
    "limit=8": "limit=2",  # the limit ends the recording
    "-2, -2, -2, -1, 0, 2, 2, 2, 2, 2]": "-2, 0, 2]",
    "parts, spoken, ": "",
}


def cells_of_the_notebook(backbone):
    """Return the cells in question; those in between only look at what was measured."""
    source = jupytext.read(NOTEBOOKS / "source" / "08_your_own_video.py")
    code = [cell.source for cell in source.cells if cell.cell_type == "code"]
    found = [next(cell for cell in code if part in cell) for part in CELLS]
    text = "\0".join(found)
    model = {"batch_size=4": f"batch_size=4, backbone={str(backbone)!r}"}
    for long, short in (SHORTER | model).items():
        assert text.count(long) == 1, long
        text = text.replace(long, short)
    return text.split("\0")


@pytest.fixture
def before_a_face(browser, tmp_path):
    """A browser before whose camera a man looks up: a second of a supplied film, raw."""
    av = pytest.importorskip("av")
    from cenet_lib.video.films import example_film

    with av.open(str(example_film("face"))) as film, (tmp_path / "face.y4m").open("wb") as file:
        file.write(b"YUV4MPEG2 W640 H360 F30:1 Ip A1:1 C420jpeg\n")
        for _, picture in zip(range(30), film.decode(video=0)):
            file.write(b"FRAME\n" + picture.to_ndarray(format="yuv420p").tobytes())
    write_microphone(tmp_path / "voice.wav")
    fake = [
        *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
        f"--use-file-for-fake-video-capture={tmp_path / 'face.y4m'}",
        f"--use-file-for-fake-audio-capture={tmp_path / 'voice.wav'}",
    ]
    other = browser.browser_type.launch(executable_path=chromium(), args=[*FLAGS, *fake])
    yield Watched(other)
    other.close()


def test_a_person_records_in_notebook_08(jupyter, workplace, small_backbone, before_a_face):
    imports, recorders, place, *work, inspector, delete = cells_of_the_notebook(small_backbone)
    # few cells, because the page forgets those that are far away
    sources = [FAST, imports, recorders, place, "\n".join(work), inspector, ASK, delete, GONE]
    write_notebook(workplace / "own_video.ipynb", sources)
    page = before_a_face.page
    notebook = Notebook(page, f"{jupyter}/lab/tree/own_video.ipynb")
    for number in (0, 1, 2):
        notebook.run(number)
    recorder = notebook.cell(2)
    recorder.locator("[role=tab]", has_text="gladly").click()
    first = recorder.locator("button.first:visible")
    first.click()
    recorder.get_by_text("● record").locator("visible=true").click()
    recorder.get_by_text("Python has them").wait_for()
    notebook.run(3)
    notebook.cell(3).get_by_text("recorded: gladly").wait_for()
    notebook.run(4)
    notebook.run(5)
    notebook.cell(5).locator("section[aria-label=Film] video").wait_for()
    measured, people, said = notebook.printed(6)
    mine = {id: found for id, found in measured.items() if id.startswith("me_gladly")}
    assert len(mine) > 1
    assert all(who == "me" and n > 5 and frames > 30 for who, n, frames in mine.values())
    assert {"woman", "man", "me"} == {who for who, _, _ in measured.values()}
    assert people == ["man", "me", "woman"]
    assert [said[id][0] for id in mine] == ["train"] * (len(mine) - 1) + ["valid"]
    assert all(abs(said[id][1]) < 9 for id in mine)
    notebook.run(7)
    assert notebook.printed(8) == [["empty"] * 4, False]
    recorder.get_by_text("Forgotten").locator("visible=true").wait_for()
    assert before_a_face.left_the_machine() == []
