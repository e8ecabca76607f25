"""What codes do to a prediction: shares that add up, and a headline that follows from them."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from inspected import data_of

from cenet_lib import AttentionInspector, CENetError, Run
from cenet_lib.inspector import widget
from cenet_lib.inspector.effects import LEAST_TOLD, Takeaway, headline
from cenet_lib.inspector.exact import MOST_CODES, Exact
from cenet_lib.inspector.figure import in_words
from cenet_lib.inspector.records import (
    Subject,
    code_effects,
    describe_utterance,
    measure_effects,
    unpack,
    without,
)
from cenet_lib.inspector.shapley import Blend, shares
from cenet_lib.utterance import STREAMS

# shares of a game


def random_game(n, seed=0):
    values = np.random.default_rng(seed).normal(size=2**n)
    return lambda sets: values[sets @ (1 << np.arange(n))]


def over_all_orders(game, n):
    total = np.zeros(n)
    for order in permutations(range(n)):
        there = np.zeros(n, bool)
        for player in order:
            before = game(there[None])[0]
            there[player] = True
            total[player] += game(there[None])[0] - before
    return total / np.prod(np.arange(1, n + 1))


def test_exact_shares_are_the_mean_over_all_orders():
    game = random_game(5)
    found = shares(game, 5, most=32)
    assert found.values == pytest.approx(over_all_orders(game, 5))
    assert (found.error, len(found.subsets)) == (0.0, 32)
    everybody = np.ones(5, bool)
    assert found.alone[2] == pytest.approx(
        game(everybody[None])[0] - game((everybody & (np.arange(5) != 2))[None])[0]
    )


def test_sampled_shares_add_up_and_their_error_is_stated():
    game, n = random_game(6), 6
    exact = shares(game, n, most=64).values
    missed = []
    for seed in range(40):
        found = shares(game, n, most=60, seed=seed)
        assert found.subsets is None
        assert found.values.sum() == pytest.approx(exact.sum())
        missed.append((np.mean((found.values - exact) ** 2), found.error**2))
    true, stated = np.mean(missed, axis=0)
    assert 0.8 < stated / true < 3  # rather too large than too small


def blend(n, seed=0):
    rng = np.random.default_rng(seed)
    return Blend(rng.random((3, n)), rng.normal(size=(3, n)), np.arange(n) % 2)


@pytest.mark.parametrize("n", [4, 40])
def test_what_a_simple_picture_explains_is_not_sampled(n):
    picture = blend(n)
    found = shares(picture, n, most=8, rough=picture)
    assert found.error == pytest.approx(0, abs=1e-12)
    assert found.values == pytest.approx(picture.shares())
    everybody = picture(np.ones((1, n), bool))[0]
    assert found.values.sum() == pytest.approx(everybody)


def test_a_simple_picture_is_a_weighted_mean_per_team():
    picture = blend(6)
    there = np.array([[True, False, True, False, False, False]])  # two of the first team
    weights, gains = picture.weights[:, [0, 2]], picture.gains[:, [0, 2]]
    assert picture(there)[0] == pytest.approx(((weights * gains).sum(1) / weights.sum(1)).sum())
    assert picture(np.zeros((1, 6), bool))[0] == 0
    assert picture.shares() == pytest.approx(shares(picture, 6).values)


# frames that are taken away


@pytest.fixture(scope="module")
def subject(folder):
    run = Run(folder / "ce")
    return Subject("ce", run.model, run.processor)


FUSED = ("ce", "ce-continuous", "mag", "late", "bright")


@pytest.mark.parametrize("name", FUSED)
def test_what_is_taken_away_is_as_if_never_recorded(name, subjects, corpus):
    subject, utterance = subjects[name], corpus.test[2]
    taken = Takeaway(subject.processor, utterance)
    of = {s: [player for player in taken.players if player[0] == s] for s in STREAMS}
    bare = [without(utterance, *streams) for streams in ((), ("visual",), STREAMS)]
    found = [taken.without(c) for c in ([], of["visual"], taken.players)]
    for mine, other in zip(found, subject.processor.encoded(bare), strict=True):
        assert mine.keys() == other.keys()
        for key, value in other.items():
            assert mine[key] == pytest.approx(value, abs=1e-6), key
    if subject.processor.reads != "aligned":  # there, a word keeps its own share of the time
        gone = of["acoustic"][0]
        frames = utterance.acoustic[taken.codes["acoustic"] != gone[1]]
        other = subject.processor(utterance.with_frames(acoustic=frames))
        for key, value in other.items():
            assert taken.without([gone])[key] == pytest.approx(value, abs=1e-6), key


def test_a_word_has_the_average_of_the_frames_that_it_keeps(subjects, corpus):
    subject = subjects["mag"]
    words = ("good", "film")
    utterance = replace(corpus.test[2], words=words).with_frames(
        acoustic=corpus.test[2].acoustic[:8]
    )
    taken = Takeaway(subject.processor, utterance)
    frames = subject.processor.standardized(utterance, "acoustic")
    keep = np.array([True, False, True, False, *[False] * 4])
    kept = {"visual": np.ones(len(taken.codes["visual"]), bool), "acoustic": keep}
    features = taken.keeping(kept)
    first, second = (np.flatnonzero(features["word_index"] == word)[0] for word in (0, 1))
    assert features["acoustic"][first] == pytest.approx(frames[[0, 2]].mean(0), abs=1e-6)
    assert (features["acoustic"][second] == 0).all()
    assert features["acoustic_counts"].sum() == 2


def test_padding_takes_the_place_of_what_is_gone_where_a_model_pads(subject, corpus):
    processor = type(subject.processor)(
        subject.processor.tokenizer, *subject.processor.vocabularies.values(), pad_frames_to=10
    )
    utterance = corpus.test[0]
    assert len(utterance.visual) > 10  # it is cut
    taken = Takeaway(processor, utterance)
    gone = next(player for player in taken.players if player[0] == "visual")
    counts = taken.without([gone])["visual_counts"]
    kept = (taken.codes["visual"] != gone[1]).sum()
    assert (counts.sum(), counts[-1], counts[gone[1]]) == (10, 10 - kept, 0)


# effects of codes


def effects_of(entry):
    return {
        (stream, int(code)): effect
        for stream in STREAMS
        for code, effect in entry[stream]["effects"].items()
    }


@pytest.mark.parametrize("name", FUSED)
def test_effects_add_up_to_what_the_streams_move(name, subjects, corpus):
    subject = subjects[name]
    for utterance in corpus.test[:3]:
        whole, bare = subject.read([utterance, without(utterance, *STREAMS)])
        entry = code_effects(subject, utterance, corpus)
        assert entry["moved"] == pytest.approx(whole.prediction - bare.prediction, abs=1e-4)
        assert sum(effects_of(entry).values()) == pytest.approx(entry["moved"])
        assert entry["moved"] != 0


def few_codes(subject, utterance, n=3):
    """An utterance of which n codes per stream are left."""
    codes = {s: subject.processor.codes(utterance, s) for s in STREAMS}
    frames = {s: utterance.frames(s)[np.isin(codes[s], np.unique(codes[s])[:n])] for s in STREAMS}
    return replace(utterance.with_frames(**frames), annotations={})


@pytest.mark.parametrize("name", FUSED)
def test_sampled_effects_are_close_to_exact_ones(name, subjects, corpus):
    subject = subjects[name]
    utterance = few_codes(subject, corpus.test[0])
    exact = code_effects(subject, utterance, corpus, evaluations=64)
    sampled = code_effects(subject, utterance, corpus, evaluations=60)
    assert (exact["error"], exact["estimate"], sampled["subsets"]) == (0, None, None)
    close = {"abs": 4 * sampled["error"] + 1e-4}
    assert list(effects_of(sampled).values()) == pytest.approx(
        list(effects_of(exact).values()), **close
    )
    reached = unpack(exact["subsets"])
    assert reached[[0, -1]].tolist() == pytest.approx(
        [r.prediction for r in subject.read([without(utterance, *STREAMS), utterance])], abs=1e-4
    )


def test_exact_effects_come_in_pieces_and_are_those_of_all_sets(subjects, corpus):
    subject = subjects["ce"]
    few = few_codes(subject, corpus.test[0], 4)
    sampled = measure_effects([subject], few, corpus, corpus.test, evaluations=20)
    exact = Exact([subject], few, sampled)
    assert (exact.done, exact.of) == (0, 2**8)
    exact.step()
    assert exact.done == 64
    found = exact.all_effects(corpus)
    expected = measure_effects([subject], few, corpus, corpus.test, evaluations=2**8)
    assert found["subjects"][0]["error"] == 0 < sampled["subjects"][0]["error"]
    assert found == expected
    assert Exact([subject], few, found).of == 0  # nothing is left to do
    many = sampled["subjects"][0] | {"players": [["visual", i] for i in range(MOST_CODES + 1)]}
    assert Exact([subject], few, {"subjects": [many]}).of == 0


def test_a_page_that_stays_gets_exact_effects_piece_by_piece(subjects, corpus):
    subject = subjects["ce"]
    few = few_codes(subject, corpus.test[0], 4)
    inspector = AttentionInspector(subject.model, subject.processor, corpus, [few])
    sent = []
    inspector.send = sent.append
    assert inspector._effects["sampled"]
    inspector._hear(None, {"kind": "exact", "id": "another"}, [])
    assert sent == []
    for _ in range(4):
        inspector._hear(None, {"kind": "exact", "id": few.id}, [])
    assert sent == [{"kind": "exact", "id": few.id}] * 3  # go on
    assert "sampled" not in inspector._effects
    assert inspector._effects["subjects"][0]["error"] == 0
    inspector._hear(None, {"kind": "exact", "id": few.id}, [])  # a page that was late
    assert len(sent) == 3


def test_an_exported_page_has_exact_effects_within_its_room(
    subjects, corpus, tmp_path, monkeypatch
):
    subject = subjects["ce"]
    some = [few_codes(subject, utterance, 4) for utterance in corpus.test[:2]]
    inspector = AttentionInspector(subject.model, subject.processor, corpus, some)
    monkeypatch.setattr(widget, "_EXACT_SETS", 400)  # which is room for one of 2⁸
    inspector.to_html(tmp_path / "page.html")
    effects = data_of(tmp_path / "page.html")["effects"].values()
    errors = [entry["subjects"][0]["error"] for entry in effects]
    assert errors[0] == 0 < errors[1]
    assert not any("sampled" in entry for entry in effects)  # there is nobody to ask


def test_the_simple_picture_is_better_than_adding_effects_up(subjects, corpus):
    """What a page without a kernel shows for a set that was not computed."""
    subject, rng, misses = subjects["ce"], np.random.default_rng(0), []
    for utterance in corpus.test[:4]:
        taken = Takeaway(subject.processor, utterance)
        players, entry = taken.players, code_effects(subject, utterance, corpus)
        effects = np.array(list(effects_of(entry).values()))
        sets = rng.random((20, len(players))) < rng.random((20, 1))
        gone = [[p for p, kept in zip(players, row, strict=True) if not kept] for row in sets]
        true = subject.predict([taken.without(codes) for codes in gone], utterance)
        none = subject.read([without(utterance, *STREAMS)])[0].prediction
        weights, gains, rest = (unpack(packed) for packed in entry["estimate"].values())
        picture = Blend(weights, gains, np.array([STREAMS.index(s) for s, _ in players]))
        estimated, added = none + picture(sets) + sets @ rest, none + sets @ effects
        misses.append([np.mean((estimated - true) ** 2), np.mean((added - true) ** 2)])
    estimated, added = np.mean(misses, axis=0)
    assert estimated < added


def test_left_out_is_the_prediction_without_one_codes_frames(subject, corpus):
    utterance = corpus.test[0]
    entry = code_effects(subject, utterance, corpus)
    codes = subject.processor.codes(utterance, "acoustic")
    assert set(entry["acoustic"]["left_out"]) == {str(code) for code in codes}
    code = int(codes[0])
    changed = replace(utterance, acoustic=utterance.acoustic[codes != code])
    with_, without_ = subject.read([utterance, changed])
    expected = with_.prediction - without_.prediction
    assert entry["acoustic"]["left_out"][str(code)] == pytest.approx(expected, abs=1e-5)


def test_groups_are_predicted_without_their_frames(subject, corpus):
    utterance = corpus.test[2]
    entry = code_effects(subject, utterance, corpus)
    raising = [code for code, effect in effects_of(entry).items() if effect > 0]
    taken = Takeaway(subject.processor, utterance)
    (expected,) = subject.predict([taken.without(raising)], utterance)
    assert entry["without"]["raising"] == pytest.approx(expected)
    signs = {s: np.array(corpus.provenance[f"{s}_cues"]) for s in STREAMS}
    kept = {
        s: utterance.frames(s)[signs[s][utterance.annotations[f"{s}_states"]] != 1] for s in STREAMS
    }
    assert len(kept["visual"]) < len(utterance.visual)
    (reading,) = subject.read([replace(utterance.with_frames(**kept), annotations={})])
    assert entry["without"]["positive"] == pytest.approx(reading.prediction, abs=1e-5)


def check_headline(effects, told):
    """A headline never contradicts the bars: `code` is the longest in the direction of the sum."""
    moved = sum(effects.values())
    if told is None:
        return
    rivals = [e for e in effects.values() if e * effects[told.code] > 0]
    assert abs(effects[told.code]) == max(map(abs, rivals))
    longest = max(effects.values(), key=abs)
    if abs(moved) >= LEAST_TOLD:
        assert effects[told.code] * moved > 0
    if longest * effects[told.code] < 0:  # a longer bar the other way is always told
        assert effects[told.against] == longest
    if told.against is not None:
        assert effects[told.against] * effects[told.code] < 0


def test_a_headline_never_contradicts_the_bars():
    rng = np.random.default_rng(0)
    told = []
    for _ in range(500):
        values = rng.normal(0, rng.choice([0.004, 0.3]), rng.integers(0, 9))
        effects = {("visual", i): float(value) for i, value in enumerate(values)}
        told.append(headline(effects))
        check_headline(effects, told[-1])
    assert {h is None for h in told} == {True, False}
    assert {h.against is None for h in told if h} == {True, False}
    assert headline({("visual", 0): 0.3, ("visual", 1): 0.1}, error=0.2) is None


def test_what_reads_the_same_is_not_called_harder():
    predictions, captions = {"all": -0.5, "none": 0.0}, {"visual": ["frown", "smile"]}
    for effect, how in ((0.094, "as hard: +0.09"), (0.13, "and harder: +0.13")):
        entry = {
            "moved": -0.5,
            "headline": {"code": ("visual", 0), "against": ("visual", 1)},
            "visual": {"effects": {"0": -0.091, "1": effect}},
        }
        said = in_words(entry, predictions, captions)
        assert said.endswith(f"−0.09; Face code 1 (smile) pulls the other way, {how}.")


@pytest.mark.slow
def test_the_headlines_of_trained_models_follow_from_their_effects(subject, corpus):
    utterances = [*corpus.test, *corpus.valid, *corpus.train[:26]]
    told = 0
    for utterance in utterances:
        entry = code_effects(subject, utterance, corpus)
        found = headline(effects_of(entry), entry["error"])
        check_headline(effects_of(entry), found)
        assert (entry["headline"] is None) == (found is None)
        told += found is not None
    assert len(utterances) == 50
    assert told > 15


# other ways of fusion, and the widget


def test_models_say_what_they_attend_over_and_show_what_they_have(subjects, corpus):
    utterance, n = corpus.test[2], len(corpus.test[2].words)
    for name, subject in subjects.items():
        stream = describe_utterance([subject], utterance, corpus)["subjects"][0]["acoustic"]
        facts = subject.facts
        attends = facts["attends_over"] is not None
        assert (facts["reads"] is None) == (subject.model.fusion is None) == (name == "none")
        assert (stream["attention"] is not None) == attends
        assert (stream["shift"] is not None) == (facts["reads"] is not None and not attends)
        if stream["shift"] is None:
            continue
        shift = unpack(stream["shift"])
        assert shift.shape == (n + 1,)
        assert shift[-1] > 0 or name == "mag"  # which gives special tokens no frames
        assert np.isnan(shift[:-1]).all() == (facts["stands"] == "at the head")
    assert code_effects(subjects["none"], utterance, corpus)["players"] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["none", "mag", "late", "ce-continuous", "bright"])
def test_every_way_of_fusion_has_a_page_and_a_picture(name, subjects, corpus, tmp_path):
    subject = subjects[name]
    utterances = list(corpus.test[:2])
    inspector = AttentionInspector(subject.model, subject.processor, corpus, utterances)
    inspector.to_html(tmp_path / "page.html")
    inspector.to_png(tmp_path / "page.png")
    texts = [text.get_text() for text in inspector.figure().axes[0].texts]
    assert ("This model reads words only." in texts) == (name == "none")


def test_any_codes_can_be_taken_away_from_python_and_from_the_page(subject, corpus):
    inspector = AttentionInspector(subject.model, subject.processor, corpus)
    players = inspector._effects["subjects"][0]["players"]
    none = inspector._record["subjects"][0]["predictions"]["none"]
    assert inspector.prediction_without(map(tuple, players)) == pytest.approx(none, abs=1e-5)
    assert inspector.prediction_without([]) == pytest.approx(
        none + inspector._effects["subjects"][0]["moved"], abs=1e-4
    )
    sent = []
    inspector.send = sent.append
    asked = {"kind": "without", "id": inspector.utterance, "subject": 0, "codes": players[:2]}
    inspector._hear(None, asked, [])
    expected = inspector.prediction_without(map(tuple, players[:2]))
    assert sent == [{**asked, "prediction": expected}]
    with pytest.raises(CENetError, match="codes are 0 to 11"):
        inspector.prediction_without([("visual", 99)])
    with pytest.raises(CENetError, match="not among the 12 utterances"):
        inspector.prediction_without([], "nobody")
    with pytest.raises(CENetError, match="there are 1 models"):
        inspector.prediction_without([], subject=1)
