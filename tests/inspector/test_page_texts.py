"""What the page says in words and numbers, asked of its own code by Node.js."""

import json
import shutil
import subprocess

import pytest

from cenet_lib.inspector.page import page_module

WINDOW = "globalThis.window = { matchMedia: () => ({ matches: false, addEventListener() {} }) };\n"


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Ask for the values of expressions, all in one process for each test."""
    if shutil.which("node") is None:
        pytest.skip("there is no Node.js on this machine")
    path = tmp_path_factory.mktemp("texts") / "page.mjs"

    def ask(*expressions):
        end = f"\nconsole.log(JSON.stringify([{', '.join(expressions)}]));"
        path.write_text(WINDOW + page_module() + end, encoding="utf-8")
        done = subprocess.run(["node", path], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    return ask


def test_numbers_are_written_as_people_write_them(said):
    expected = {
        "signed(-0.374)": "−0.37",
        "signed(1.2)": "+1.20",
        "signed(-0.004)": "0.00",  # nothing is neither more nor less
        "signed(null)": "–",
        "signed(NaN)": "–",
        "plain(0.5)": "0.50",
        "plain(-0.5)": "−0.50",
        "short(0.936)": ".94",
        "short(1)": "1.00",
        "percent(0.295)": "30\u00a0%",
        "counted(1, 'frame')": "1 frame",
        "counted(0, 'frame')": "0 frames",
        "counted(2199, 'utterance')": "2,199 utterances",
        "quoted('yarn')": "“yarn”",
        "quoted('رائع')": "“\u2068رائع\u2069”",
        "clean('a\\u0000b\\ud800c')": "abc",
        "isSame([1, NaN], [1, NaN])": False,
        "isSame([], [1])": False,
        "isSame(['a', null], ['a', null])": True,
    }
    assert dict(zip(expected, said(*expected), strict=True)) == expected


def survey(raises, n=10, utterances=50):
    codes = {"utterances": [n], "effect": [0.2], "low": [0.1], "high": [0.3], "raises": [raises]}
    return f"{{ n: {utterances}, columnOf: () => 0, record: {{ codes: {json.dumps(codes)} }} }}"


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (survey(1.0), "Everywhere: of all 50 utterances, face code 3 occurs in 10 and raises all"),
        (survey(0.0), "Everywhere: of all 50 utterances, face code 3 occurs in 10 and lowers all"),
        (
            survey(0.8),
            "Nearly everywhere: of all 50 utterances, face code 3 occurs in 10 and raises",
        ),
        (survey(0.3), "Not everywhere: of all 50 utterances, face code 3 occurs in 10 and lowers"),
    ],
)
def test_whether_a_code_does_so_everywhere(asked, answer, said):
    (text,) = said(f"everywhere({asked}, ['visual', 3])")
    assert text.startswith(answer)
    assert text.endswith("of them; its mean effect is +0.20 (95\u00a0%: +0.10 to +0.30).")


def test_nothing_is_said_of_what_never_occurs_or_of_one_utterance(said):
    asked = [survey(None, n=None), survey(1.0, utterances=1)]
    assert said(*(f"everywhere({one}, ['visual', 3])" for one in asked)) == ["", ""]


def test_which_stream_moves_a_prediction(said):
    def effects(face, voice):
        parts = {"visual": {"effects": face}, "acoustic": {"effects": voice}}
        return json.dumps({**parts, "moved": sum([*face.values(), *voice.values()])})

    expected = {
        effects({"1": -0.4, "2": -0.06}, {"3": -1.56}): "Most of it is the voice: −1.56; the face "
        "adds −0.46.",
        effects({"1": 0.9}, {"3": -0.3}): "It is the face: +0.90; the voice pulls the other way: "
        "−0.30.",
        effects({"1": 0.9}, {}): "All of it is the face: +0.90.",
        effects({"1": 0.5}, {"3": -0.5}): "",  # together they move nothing
    }
    assert said(*(f"whoMoves({one})" for one in expected)) == list(expected.values())


def test_of_the_stream_that_moves_most_the_code_with_the_largest_part_is_named(said):
    """A code of the face may add most, and the voice, with several, still move more."""
    face, voice = {"11": -0.86, "2": 1.07}, {"11": -0.45, "14": -0.44, "3": -0.25, "4": 0.1}
    one = json.dumps({"visual": {"effects": face}, "acoustic": {"effects": voice}, "moved": -0.83})
    asked = ("placeOfMost({})", "leadingCode({}, 'acoustic')", "leadingCode({}, 'visual')")
    assert said(*(each.format(one) for each in asked)) == [1, 11, 2]


def test_addresses_are_read_back_as_they_were_written(said):
    acts = ["word 3", "visual 12", "acoustic 0", "scale 0", "scale 0.5"]
    assert said(*(f"whatIfIn(whatIfAsText({json.dumps(act)}))" for act in acts)) == acts
    assert said(*(f"whatIfIn({json.dumps(text)})" for text in ("", "taste-1", "word-x"))) == [
        *(None, None, None)
    ]
