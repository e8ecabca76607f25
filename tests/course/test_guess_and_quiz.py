"""Guesses before a result, and the quizzes: shown in notebooks, and as Moodle's XML."""

from xml.etree import ElementTree

import ipywidgets
import pytest
from building import NOTEBOOKS, build
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from cenet_lib import CENetError
from cenet_lib.course import quiz as quizzes
from cenet_lib.course.guess import guess
from cenet_lib.course.quiz import Question, moodle, questions, quiz


@pytest.fixture
def shell():
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    ("value", "actual", "said"),
    [
        (41, 41, "You said 41 %; it is 41 %. Spot on."),
        (30, 41, "You said 30 %; it is 41 %. Near enough to have the right picture."),
        (10, 41, "You said 10 %; it is 41 %. It is more than you expected: worth asking why."),
        (90, 41.5, "You said 90 %; it is 41.5 %. It is less than you expected: worth asking why."),
        (None, 41, "It is 41 %. (No guess this time.)"),
        (30, float("nan"), "You said 30 %; it is nan %. What came is no number."),
    ],
)
def test_a_guess_is_compared_with_what_comes(value, actual, said, capsys):
    guess("How much?", 0, 100, "%", value=value).compare(actual)
    assert capsys.readouterr().out == said + "\n"


def test_a_guess_without_a_unit(capsys):
    guess("Which MAE?", -1, 1, value=-0.25).compare(-0.2)
    assert capsys.readouterr().out == "You said −0.25; it is −0.2. Spot on.\n"


def test_moving_the_slider_is_the_guess(shell):
    one = guess("How much?", 0, 100, "%")
    with capture_output() as captured:
        one._ipython_display_()
    assert captured.stdout == "Guess. How much? (0 to 100 %)\n"
    [output] = captured.outputs
    assert "application/vnd.jupyter.widget-view+json" in output.data
    [slider] = [w for w in one.slider().children if isinstance(w, ipywidgets.FloatSlider)]
    assert (slider.min, slider.max, slider.description) == (0, 100, "%")
    assert one.value is None  # the middle is nobody's guess
    slider.value = 30
    assert one.value == 30
    with capture_output() as captured:
        one._ipython_display_()
    assert captured.outputs == []  # it is made
    assert captured.stdout == "Guess. How much? (0 to 100 %) You say 30 %.\n"


def test_a_guess_lies_between_two_numbers():
    with pytest.raises(ValueError, match="1 is not below 0"):
        guess("How much?", 1, 0)


NAMES = sorted(path.stem for path in (NOTEBOOKS / "source").glob("*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_each_notebook_has_five_questions(name, shell):
    found = questions(name)
    assert len(found) == 5
    for question in found:
        assert len(question.choices()) == 4
        assert question.why.endswith(".")
    with capture_output() as captured:
        quiz(name)
    [output] = captured.outputs
    assert output.data["text/html"].count("<details>") == 5
    for question in found:
        assert question.why not in output.data["text/plain"]
    source = (NOTEBOOKS / "source" / f"{name}.py").read_text(encoding="utf-8")
    assert f'quiz("{name[:2]}")' in source
    assert source.count(" = guess(") == source.count(".compare(") >= 1


def test_the_right_choice_has_no_place_of_its_own():
    every = [question for name in NAMES for question in questions(name)]
    places = [question.choices().index(question.right) for question in every]
    assert all(places.count(place) >= 5 for place in range(4))


def test_moodle_gets_questions_with_one_right_answer(tmp_path, capsys):
    assert build.main(["--quiz", str(tmp_path / "new")]) == 0
    assert sorted(p.stem for p in (tmp_path / "new").iterdir()) == NAMES
    root = ElementTree.parse(tmp_path / "new" / f"{NAMES[0]}.xml").getroot()
    category, *asked = root.findall("question")
    assert category.get("type") == "category"
    assert [q.get("type") for q in asked] == ["multichoice"] * 5
    for node, question in zip(asked, questions(NAMES[0])):
        right = [a.findtext("text") for a in node.findall("answer") if a.get("fraction") == "100"]
        assert right == [question.right]
        assert node.findtext("generalfeedback/text") == question.why
        assert len(node.findall("answer")) == 4


def test_what_stands_in_a_question_is_text(tmp_path, monkeypatch, shell):
    entry = 'text = "a < b & <script>?"\nright = "<b>"\nwrong = ["c"]\nwhy = "So."\n'
    (tmp_path / "01.toml").write_text("[[question]]\n" + entry, encoding="utf-8")
    monkeypatch.setattr(quizzes, "QUIZZES", tmp_path)
    with capture_output() as captured:
        quiz("01")
    assert "<script>" not in captured.outputs[0].data["text/html"]
    text = ElementTree.fromstring(moodle("01")).findall("question")[1].findtext("questiontext/text")
    assert text == "a &lt; b &amp; &lt;script&gt;?"  # Moodle reads it as HTML


GOOD = 'text = "t"\nright = "r"\nwrong = ["w"]\nwhy = "y"\n'


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "has no"),
        ("question = 3", "has no"),
        ("question = [3]", "question 1: needs right, text, why, wrong"),
        ("[[question]]\n" + GOOD + "more = 1", "question 1: needs"),
        ("[[question]]\n" + GOOD.replace('["w"]', "[]"), "wrong is a list"),
        ("[[question]]\n" + GOOD.replace('["w"]', '"w"'), "wrong is a list"),
        ("[[question]]\n" + GOOD.replace('"t"', "3"), "all others are texts"),
        ("[[question]]\n" + GOOD.replace('["w"]', '["r"]'), "two of its choices are the same"),
        ("[[question", "cannot be read"),
    ],
)
def test_a_damaged_quiz_is_refused(content, complaint, tmp_path, monkeypatch):
    (tmp_path / "01.toml").write_text(content, encoding="utf-8")
    monkeypatch.setattr(quizzes, "QUIZZES", tmp_path)
    with pytest.raises(CENetError, match=complaint) as error:
        questions("01")
    assert "01.toml" in str(error.value)


def test_an_unknown_quiz_names_the_known():
    with pytest.raises(CENetError, match="there are: 01_dataset, 02"):
        questions("99")


def test_choices_are_shuffled_the_same_way_each_time():
    question = Question("q", "a", ("b", "c", "d"), "w")
    assert question.choices() == question.choices()
    assert sorted(question.choices()) == ["a", "b", "c", "d"]
