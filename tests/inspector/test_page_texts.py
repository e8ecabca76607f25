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
        effects({"1": 0.009}, {"3": 0.05}): "Most of it is the voice: +0.05; the face adds +0.01.",
        effects({"1": 0.5}, {"3": -0.5}): "",  # together they move nothing
    }
    assert said(*(f"whoMoves({one})" for one in expected)) == list(expected.values())


def test_of_the_stream_that_moves_most_the_code_with_the_largest_part_is_named(said):
    """A code of the face may add most, and the voice, with several, still move more."""
    face, voice = {"11": -0.86, "2": 1.07}, {"11": -0.45, "14": -0.44, "3": -0.25, "4": 0.1}
    one = json.dumps({"visual": {"effects": face}, "acoustic": {"effects": voice}, "moved": -0.83})
    asked = ("placeOfMost({})", "leadingCode({}, 'acoustic')", "leadingCode({}, 'visual')")
    assert said(*(each.format(one) for each in asked)) == [1, 11, 2]


DRAWN = """(globalThis.document = {
  createElement: (tag) => ({ setAttribute() {}, append(...all) { this.text = all.join(""); } }),
  createElementNS: (_, tag) => ({ tag, setAttribute(name, value) { this[name] = value; } }),
})"""


def test_where_no_code_stands_out_it_is_said_what_all_move(said):
    expected = {
        0.001: "Face and voice do not move this prediction, and no single code stands out.",
        -0.03: "Face and voice move this prediction by −0.03; no single code stands out.",
    }
    asked = (f"({DRAWN}, nothingStandsOut({{ moved: {moved} }}).text)" for moved in expected)
    assert said(*asked) == list(expected.values())


def test_a_prediction_beyond_the_scale_is_no_dot_at_its_end(said):
    marks = said(*(f"({DRAWN}, markAt(100, 10, 5, {by}, {{}}))" for by in (0, -2, 0.1)))
    assert [mark["tag"] for mark in marks] == ["circle", "polygon", "polygon"]
    assert [mark.get("points") for mark in marks[1:]] == ["93,10 103,5 103,15", "107,10 97,5 97,15"]


def test_zero_is_among_the_ticks_of_the_scatter(said):
    assert said("ticksIn(-3, 3)", "ticksIn(-5.3, 5.9)", "ticksIn(0.2, 4)") == [
        [-3, -2, -1, 0, 1, 2, 3],
        [-4, -2, 0, 2, 4],
        [1, 2, 3, 4],
    ]


def test_which_stream_dominates(said):
    expected = {
        (0.4, 0.1): "visual",
        (-0.1, 0.4): "acoustic",
        (0.4, 0.2): None,
        (0.09, 0.0): None,  # that is too little to tell
        (0.0, -0.2): "acoustic",
    }
    surveys = (f"{{ visual: [{face}], acoustic: [{voice}] }}" for face, voice in expected)
    asked = (f"Survey.prototype.dominant.call({{ moved: {one} }}, 0)" for one in surveys)
    assert said(*asked) == list(expected.values())


def test_a_mean_is_of_the_utterances_in_which_the_code_occurs(said):
    mean = "Survey.prototype.meanOver.call({ effect: (i) => [0.5, NaN, -0.1, 0.2][i] }, 0, %s)"
    found = said(mean % "[0, 1, 2]", mean % "[1]", mean % "[]")
    assert found[0] == {"mean": 0.2, "n": 2, "raises": 0.5}
    assert found[1:] == [{"mean": None, "n": 0, "raises": None}] * 2  # NaN in JSON


def test_headings_say_what_means_are_of(said):
    asked = ("null, true", "null, false", "101, true", "1200, false", "1, true")
    assert said(*(f"headingOfMeans({one})" for one in asked)) == [
        "mean effect (95\u00a0%)",
        "mean effect",  # where there is no room for an interval, none is promised
        "mean effect in these 101 (in all)",
        "mean effect in these 1,200",
        "mean effect in this (in all)",
    ]
    all_of, some, none = said(*(f"aboutCodes({{ n: 3 }}, {rows})" for rows in ([0, 1, 2], [1], [])))
    assert "filter" not in all_of
    assert "are about the 1 utterance that" in some
    assert none.endswith("so this is about all.")


def test_the_list_counts_what_passes_and_what_can_be_opened(said):
    asked = ("60, 60, 60", "4, 0, 60", "1234, 50, 2199")
    assert said(*(f"countInWords({one})" for one in asked)) == [
        "60 of 60",
        "4 of 60; none of them with maps on this page",
        "1,234 of 2,199; 50 of them with maps on this page",
    ]


def test_columns_that_say_nothing_of_a_model_are_left_out(said):
    names = "columnsOf({ entropy: %s }, %s).map(({ name }) => name)"
    common = ["label", "prediction", "error"]
    assert said(names % ("[null, 1.2]", "true"), names % ("[null]", "true")) == [
        [*common, "moved", "entropy"],
        [*common, "moved"],
    ]
    assert said(names % ("[null]", "false")) == [common]


def test_channels_are_explained_a_kind_at_a_time(said):
    names = ["MCEP_1", "MCEP_12", "F0", "x"]
    kinds = [["MCEP", "timbre"], ["F0", "pitch in Hz"]]
    book = json.dumps({"names": names, "kinds": kinds, "kind_of": [0, 0, 1, -1]})
    caption = "close to the mean, MCEP_12 a little low, F0 higher"
    found = said(
        f"channelsIn({book}, {json.dumps(caption)})",
        f"kindsInWords({book}, [3, 1, 0, 2])",
        f"[0, 3].map((j) => aboutChannel({book}, j))",
        f"namedInCaption({{ ...{book}, codes: [{{ caption: 'MCEP_1 low' }}] }}, 0)",
        f"namedInCaption({{ ...{book}, codes: [] }}, 0)",
    )
    assert found == [
        [1, 2],
        ["MCEP: timbre", "F0: pitch in Hz"],
        ["timbre", ""],
        ["MCEP: timbre"],
        [],
    ]


def test_a_code_is_searched_for_by_any_of_its_names(said):
    asked = ("great face-3", "Face code 3", "voice 12 a", "face3", "face the 3 voices")
    assert said(*(f"partsOf({json.dumps(one)})" for one in asked)) == [
        ["great", "face-3"],
        ["face-3"],
        ["voice-12", "a"],
        ["face-3"],
        ["face", "the", "3", "voices"],
    ]


def test_an_address_may_leave_out_the_utterance(said):
    page = "{ corpus: { vocabularies: [{ visual: { k: 5 }, acoustic: null }] } }"
    read = f"readAddress(%s, {page}, {{ take: () => false }})"
    asked = ("''", "'#code=face-3'", "'#code=face-9'", "'#only=face-won voice-dominates x'")
    found = said(*(read % hash for hash in asked))
    assert found[:3] == [{}, {"code": ["visual", 3]}, {}]
    assert found[3]["_corpus_view"]["filters"] == ["voice-dominates", "face-won"]


def test_addresses_are_read_back_as_they_were_written(said):
    acts = ["word 3", "visual 12", "acoustic 0", "scale 0", "scale 0.5"]
    assert said(*(f"whatIfIn(whatIfAsText({json.dumps(act)}))" for act in acts)) == acts
    assert said(*(f"whatIfIn({json.dumps(text)})" for text in ("", "taste-1", "word-x"))) == [
        *(None, None, None)
    ]
