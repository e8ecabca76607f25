"""Notebook 08 with a camera: a person records a face in it, measures it, and deletes it."""

import jupytext
import pytest
from building import NOTEBOOKS
from conftest import FLAGS, Watched, chromium, write_microphone
from test_notebook import Notebook, write_notebook

FAST = "import os\nos.environ['CENET_FAST'] = '1'"
MEASURED = "print({one.id: [one.video, len(one.visual), len(one.acoustic)] for one in corpus})"
GONE = "print([[one.state for one in recorders.values()], Path(place.name).exists()])"
# The cells of the notebook that are about one's own films, by what is in them.
CELLS = (
    "from cenet_lib import (",
    "recorders = {",
    "place = ",
    "woman = [",
    "made = ",
    ".forget()",
)


def cells_of_the_notebook():
    """Return the cells in question; those in between only look at what was measured."""
    source = jupytext.read(NOTEBOOKS / "source" / "08_your_own_video.py")
    code = [cell.source for cell in source.cells if cell.cell_type == "code"]
    numbers = [next(i for i, cell in enumerate(code) if part in cell) for part in CELLS]
    woman = numbers[3]
    found = [code[i] for i in (*numbers[:4], woman + 1, *numbers[4:])]
    found[-1] = (
        found[-1].replace("del inspector, run, ", "del ").replace("parts, spoken, faces, ", "")
    )
    return found


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


def test_a_person_records_in_notebook_08(jupyter, workplace, before_a_face):
    own = cells_of_the_notebook()
    sources = [FAST, *own[:-1], MEASURED, own[-1], GONE]
    sources[2] = sources[2].replace("limit=8", "limit=2")  # the limit ends the recording
    write_notebook(workplace / "own_video.ipynb", sources)
    page = before_a_face.page
    notebook = Notebook(page, f"{jupyter}/lab/tree/own_video.ipynb")
    for number in (0, 1, 2):
        notebook.run(number)
    recorder = notebook.cell(2)
    first = recorder.locator("button.first").first
    first.wait_for()
    first.click()
    recorder.get_by_text("● record").first.click()
    recorder.get_by_text("Python has them").wait_for()
    for number in range(3, len(own) + 1):
        notebook.run(number)
    notebook.cell(3).get_by_text("recorded: neutral").wait_for()
    measured = notebook.printed(len(own))
    mine = [found for id, found in measured.items() if id.startswith("me_neutral")]
    assert mine
    assert all(who == "me" and pictures > 5 and frames > 30 for who, pictures, frames in mine)
    assert {"woman", "man", "me"} == {who for who, _, _ in measured.values()}
    notebook.run(len(own) + 1)
    assert notebook.printed(len(own) + 2) == [["empty"] * 4, False]
    recorder.get_by_text("Forgotten").first.wait_for()
    assert before_a_face.left_the_machine() == []
