"""All utterances at once: effects that add up, tables of words, and a page that stays small."""

import base64
import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
from inspected import data_of, random_subject
from small import make_backbone

from cenet_lib import AttentionInspector, CENetError, Run
from cenet_lib.inspector import fitting, page
from cenet_lib.inspector.effects import Takeaway, headline
from cenet_lib.inspector.first_order import first_order, first_orders
from cenet_lib.inspector.fitting import make_fit, pack_coarse
from cenet_lib.inspector.records import Subject, unpack, without
from cenet_lib.inspector.survey import (
    Survey,
    code_effects_of,
    describe_survey,
    plain_word,
    survey_some,
)
from cenet_lib.results.bootstrap import mean_interval
from cenet_lib.utterance import STREAMS


@pytest.fixture(scope="module")
def subject(folder):
    run = Run(folder / "ce")
    return Subject("ce", run.model, run.processor)


@pytest.fixture(scope="module")
def survey(subject, corpus):
    return Survey.of(subject, corpus.test)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return str(make_backbone(tmp_path_factory.mktemp("survey") / "backbone"))


# effects


@pytest.mark.parametrize("fusion", ["ce", "ce-continuous", "mag", "late"])
def test_several_utterances_give_what_each_gives_alone(fusion, corpus, backbone):
    subject = random_subject(fusion, corpus, backbone)
    some = [Takeaway(subject.processor, utterance) for utterance in corpus.test[:4]]
    assert len({len(taken.utterance.words) for taken in some}) > 1  # so some are padded
    for taken, together in zip(some, first_orders(subject.model, some), strict=True):
        alone = first_order(subject.model, taken)
        assert together.blend.gains == pytest.approx(alone.gains, abs=1e-4, rel=1e-3)
        assert together.blend.weights == pytest.approx(alone.weights, abs=1e-5)
        whole, bare = subject.read([taken.utterance, without(taken.utterance, *STREAMS)])
        assert together.prediction == pytest.approx(whole.prediction, abs=1e-4)
        assert together.words_alone == pytest.approx(bare.prediction, abs=1e-4)


def test_effects_of_all_add_up_and_attention_is_that_of_the_maps(subject, corpus, survey):
    readings = subject.read(corpus.test)
    bare = subject.read([without(utterance, *STREAMS) for utterance in corpus.test])
    for row, surveyed, whole, words in zip(
        survey.effects, survey.surveyed, readings, bare, strict=True
    ):
        assert np.nansum(row) == pytest.approx(whole.prediction - words.prediction, abs=1e-3)
        for stream in STREAMS:
            expected = getattr(whole, stream)
            assert surveyed.attention[stream] == pytest.approx(expected, abs=1e-4, nan_ok=True)


def test_the_error_is_the_distance_from_sampled_effects(corpus, backbone):
    subject = random_subject("late", corpus, backbone)
    straight = Survey.of(subject, corpus.test[:3])
    assert 0 < straight.error < np.nanstd(straight.effects)  # small, and not nothing


def test_codes_have_their_mean_effect_and_its_interval(survey):
    for (stream, code), told in zip(survey.columns, survey.codes.itertuples(), strict=True):
        there = [s.effects[stream, code] for s in survey.surveyed if (stream, code) in s.effects]
        assert (told.stream, told.code, told.utterances) == (stream, code, len(there))
        if there:
            assert told.effect == pytest.approx(np.mean(there))
            assert (told.low, told.high) == mean_interval(np.array(there))
            assert told.raises == pytest.approx(np.mean(np.array(there) > 0))


def test_words_take_the_mean_over_each_time_they_are_said(subject, corpus, survey):
    table = survey.words
    word = table.words[0]
    assert table.said[0] == max(table.said)
    readings = subject.read(corpus.test)
    rows, effects, n = [], [], 0
    for i, (utterance, reading) in enumerate(zip(corpus.test, readings, strict=True)):
        places = [j for j, said in enumerate(utterance.words) if plain_word(said) == word]
        n += bool(places)
        rows += [reading.visual[place, 2] for place in places]
        if places and not np.isnan(survey.effects[i, 2]):
            effects.append(survey.effects[i, 2])
    assert survey.columns[2] == ("visual", 2)
    assert (table.said[0], table.utterances[0]) == (len(rows), n)
    assert table.attention[0, 2] == pytest.approx(np.mean(rows), abs=1e-4)
    assert table.together[0, 2] == len(effects)
    assert table.effect[0, 2] == pytest.approx(np.mean(effects))


def test_a_model_that_does_not_attend_gives_no_code_any_attention_not_even_none(corpus, backbone):
    words = Survey.of(random_subject("late", corpus, backbone), corpus.test[:3]).words
    assert np.isnan(words.attention).all()  # a share of 0 would say that it looked elsewhere
    assert np.isfinite(words.effect[words.together > 0]).all()


@pytest.mark.parametrize("fusion", ["ce", "late"])
def test_words_that_no_model_read_are_not_in_the_table(fusion, corpus, backbone):
    """Of an utterance of more pieces than are read, the end counts for nothing."""
    long = replace(corpus.test[0], words=("film",) * 60 + ("unread",), annotations={})
    table = Survey.of(random_subject(fusion, corpus, backbone), [long]).words
    assert table.words == ["film"]
    assert table.said[0] == 48  # 50 pieces are read, the first and the last of them special


def test_a_model_that_reads_words_only_has_no_survey_but_a_page(corpus, backbone, tmp_path):
    subject = random_subject("none", corpus, backbone)
    with pytest.raises(CENetError, match="none: reads words only, so no code has an effect"):
        Survey.of(subject, corpus.test)
    inspector = AttentionInspector(
        subject.model, subject.processor, corpus, list(corpus.test[:2]), names=("none",)
    )
    inspector.to_html(tmp_path / "page.html")
    assert data_of(tmp_path / "page.html")["survey"] == {}


# the page


def test_the_corpus_view_has_the_effects_and_headlines_of_the_utterances(
    subject, corpus, tmp_path, monkeypatch
):
    monkeypatch.setattr("cenet_lib.inspector.widget._IN_FULL", 3)
    inspector = AttentionInspector(subject.model, subject.processor, corpus)
    inspector.to_html(tmp_path / "page.html")
    data = data_of(tmp_path / "page.html")
    table = unpack(data["survey"]["effects"])
    assert len(data["records"]) == len(corpus.test)
    assert sorted(data["effects"]) == sorted(data["survey"]["id"])
    quick = 0
    for id, row in zip(data["survey"]["id"], table, strict=True):
        entry = data["effects"][id]["subjects"][0]
        effects = code_effects_of(entry)
        quick += bool(entry.get("quick"))
        shown = dict(zip(inspector.survey.columns, row, strict=True))
        for code, effect in effects.items():
            assert shown[code] == pytest.approx(effect, rel=2e-3, abs=1e-4)
        told = headline(effects, entry["error"])
        if told is not None:
            assert entry["headline"]["code"] == list(told.code)
            assert shown[told.code] * sum(effects.values()) > 0 or abs(entry["moved"]) < 0.01
    assert quick == len(corpus.test) - 3


def test_a_large_page_is_compressed_and_means_the_same(monkeypatch):
    corpus, state = {"name": "<mine>\udc80", "numbers": [0.123456789, None]}, {"utterance": "a"}
    parts = {"records": {"a": 1, "b": 3}, "effects": {"a": 2, "b": "\n"}, "what_ifs": {}}
    data = {"corpus": corpus, **parts, "state": state, "films": {"u": "x"}}
    monkeypatch.setattr(page, "LARGE", 10)
    html = page.page_html(data)
    packed = json.loads(html.split('id="data">')[1].split("</script>")[0])
    assert sorted(packed) == ["films", "packed", "rest"]
    first, rest = (
        gzip.decompress(base64.b64decode(packed[part])).decode("ascii")
        for part in ("packed", "rest")
    )
    corpus = {"name": "<mine>\udc80", "numbers": [0.123457, None]}
    begins = {"records": {"a": 1}, "effects": {"a": 2}, "what_ifs": {}}
    assert json.loads(first) == {"corpus": corpus, **begins, "state": state, "others": ["b"]}
    assert rest == '[3,"\\n",null]'
    assert page.page_html(page.page_data(html)) == html  # what is packed is not packed again
    assert page.page_html(data) == html  # no time of day in it


def test_coarse_shares_are_close():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(8) / 4, 500)
    bytes = np.frombuffer(base64.b64decode(pack_coarse(shares)["data"]), np.uint8)
    back = (bytes.reshape(shares.shape) / 254) ** 2
    assert np.abs(back - shares).max() <= 0.004
    assert np.abs(back - shares)[shares < 0.05].max() < 0.001


def test_a_page_without_room_leaves_out_what_can_be_missed_first(monkeypatch):
    rng = np.random.default_rng(0)

    def record():
        stream = {
            "attention": fitting.pack(rng.random((9, 9)), "f2"),
            "by_frame": None,
            "looks": "x" * 100,
        }
        return {"subjects": [{s: dict(stream) for s in STREAMS}]}

    def effects():
        return {"subjects": [{"estimate": rng.random(60).tolist()}]}

    ids = [f"u{i}" for i in range(40)]
    data = {
        "records": {id: record() for id in ids},
        "effects": {id: effects() for id in ids},
        "what_ifs": {"u0": rng.random(50).tolist()},
        "state": {"utterance": "u7"},
    }
    moved = {id: float(-i) for i, id in enumerate(ids)}
    bare = len(page.page_html({}).encode())

    def fit(room):
        monkeypatch.setattr(fitting, "LARGEST_PAGE", bare + room)
        make_fit(data, {"u0"}, moved)
        assert len(page.page_html(data).encode()) <= bare + room
        first = data["records"].get("u0", data["records"]["u7"])["subjects"][0]["visual"]
        other = data["records"]["u7"]["subjects"][0]["visual"]
        return first["looks"] is not None, other["attention"]["dtype"], len(data["records"])

    assert fit(10**6) == (True, "f2", 40)
    assert data["records"]["u7"]["subjects"][0]["visual"]["looks"] is None
    assert fit(28_000) == (True, "q1", 40)
    *_, n = fit(8_000)
    assert 1 < n < 40
    assert {"u7", "u39", "u38"} <= set(data["records"])  # the chosen one, and those moved furthest
    assert set(data["effects"]) == set(data["records"])


# the widget


def test_a_page_that_watches_gets_a_first_answer_and_then_a_better_one(subject, corpus):
    inspector = AttentionInspector(subject.model, subject.processor, corpus)
    ids = inspector.listing["id"].tolist()
    other = next(id for id in ids if id != inspector.utterance)
    inspector._hear(None, {"kind": "here"}, [])
    inspector.utterance = other
    first = inspector._effects
    assert (first["id"], first["first"]) == (other, True)
    (expected,) = survey_some(subject, [inspector._listed[other]])
    assert code_effects_of(first["subjects"][0]) == pytest.approx(expected.effects)
    assert first["subjects"][0]["visual"]["left_out"] == {}
    inspector._hear(None, {"kind": "refine", "id": ids[-1]}, [])  # one has gone on
    assert inspector._effects is first
    inspector._hear(None, {"kind": "refine", "id": other}, [])
    assert "first" not in inspector._effects
    assert inspector._effects["subjects"][0]["visual"]["left_out"] != {}


def test_a_survey_is_made_once_when_a_page_asks_and_tells_how_far_it_is(subject, corpus):
    inspector = AttentionInspector(subject.model, subject.processor, corpus)
    sent = []
    inspector.send = sent.append
    assert inspector._survey == {}
    inspector._hear(None, {"kind": "survey"}, [])
    assert [(message["done"], message["of"]) for message in sent] == [(12, 12)]
    assert inspector._survey == describe_survey(inspector.survey, corpus)
    inspector._hear(None, {"kind": "survey"}, [])
    assert len(sent) == 1
