"""The inspector's numbers, its files, and what Python may set; the page itself: `tests/browser`."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from inspected import HOSTILE, make_inspected_run
from small import make_backbone

from cenet_lib import (
    AttentionInspector,
    CENetError,
    Corpus,
    Run,
    TrainingSettings,
    expand_attention,
    load_corpus,
)
from cenet_lib.__main__ import main
from cenet_lib.inspector.face import face_curves
from cenet_lib.inspector.pictures import Activations, caption, drawable
from cenet_lib.inspector.records import (
    Subject,
    attention_on_cues,
    describe_utterance,
    describe_vocabulary,
    list_utterances,
    measure_effects,
    pack,
    unpack,
    without,
)
from cenet_lib.runs.preparation import build


@pytest.fixture(scope="module")
def run(folder):
    return Run(folder / "ce")


@pytest.fixture(scope="module")
def subject(run):
    return Subject("ce", run.model, run.processor)


@pytest.fixture
def inspector(run, corpus):
    return AttentionInspector.from_run(run, corpus)


# what is computed


def test_a_reading_is_the_models_own_output_averaged_over_pieces(subject, corpus):
    utterances = list(corpus.test[:5])
    for utterance, reading in zip(utterances, subject.read(utterances), strict=True):
        features = subject.processor(utterance)
        batch = subject.processor.batch([utterance])
        batch.pop("labels")
        with torch.inference_mode():
            output = subject.model(**batch, output_attentions=True)
        assert reading.prediction == pytest.approx(output.logits.item(), abs=1e-5)
        tokens = output.visual_attention[0].numpy()
        for word in range(len(utterance.words)):
            pieces = tokens[features["word_index"] == word]
            assert reading.visual[word] == pytest.approx(pieces.mean(0), abs=1e-5)
        assert reading.visual[-1] == pytest.approx(tokens[0], abs=1e-5)
        assert reading.acoustic.sum(1) == pytest.approx(1, abs=1e-5)


def test_words_behind_the_cut_are_not_numbers(subject, corpus):
    long = replace(corpus.test[0], words=("good",) * 60)
    (reading,) = subject.read([long])
    n = subject.processor(long)["word_index"].max() + 1
    assert n < 60
    assert np.isnan(reading.visual[n:-1]).all()
    assert not np.isnan(reading.visual[:n]).any()
    described = describe_utterance([subject], long, corpus)["subjects"][0]
    assert described["unread"] == list(range(n, 60))


DROPPED = "\u200b"  # a space without width, of which a tokenizer makes nothing


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "unread"),
    [
        (("good", DROPPED, "film"), [1]),
        (("good", "film", DROPPED), [2]),
        ((DROPPED, "\ufeff", "good"), [0, 1]),
        ((DROPPED,), [0]),
        ((DROPPED, "\ufeff"), [0, 1]),
    ],
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_words_that_the_tokenizer_drops_do_not_break_the_page(words, unread, run, corpus, tmp_path):
    odd = replace(corpus.test[0], words=words)
    inspector = AttentionInspector(run.model, run.processor, corpus, [odd, *corpus.test[1:3]])
    inspector.utterance = odd.id
    record = inspector._record["subjects"][0]
    assert record["unread"] == unread
    attention = unpack(record["visual"]["attention"])
    read = [row for row in range(len(words) + 1) if row not in unread]
    assert np.isnan(attention[unread]).all()
    assert attention[read].sum(1) == pytest.approx(1, abs=1e-5)
    assert inspector._record["words"] == ["▯" if i in unread else w for i, w in enumerate(words)]
    cues = inspector._effects["subjects"][0]["visual"]["cues"]
    assert (cues is None) == (len(unread) == len(words))
    inspector.to_html(tmp_path / "page.html", [odd.id])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    assert data["records"][odd.id]["subjects"][0]["unread"] == unread
    inspector.to_png(tmp_path / "page.png")


def test_a_name_that_is_no_proper_text_does_not_break_the_page(run, corpus, tmp_path):
    """A corpus is called as its file, whose name may be any bytes."""
    odd = corpus.with_splits(corpus.train, corpus.valid, corpus.test[:1])
    odd.name = "half \udcff"
    AttentionInspector(run.model, run.processor, odd).to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    assert data["corpus"]["name"] == "half \udcff"


def test_the_record_holds_four_predictions_and_what_the_page_needs(subject, corpus):
    utterance = corpus.test[0]
    record = describe_utterance([subject], utterance, corpus)
    json.dumps(record, allow_nan=False)
    assert tuple(record["words"][-2:]) == HOSTILE
    bare = [utterance, without(utterance, "visual"), without(utterance, "acoustic")]
    bare.append(without(utterance, "visual", "acoustic"))
    expected = [reading.prediction for reading in subject.read(bare)]
    predictions = record["subjects"][0]["predictions"]
    assert list(predictions) == ["all", "no_visual", "no_acoustic", "none"]
    assert list(predictions.values()) == pytest.approx(expected)
    assert len(set(np.round(expected, 5))) == 4
    visual = record["subjects"][0]["visual"]
    codes = unpack(visual["codes"])
    assert (codes == subject.processor.codes(utterance, "visual")).all()
    valences = np.array(corpus.provenance["visual_cues"])
    states = utterance.annotations["visual_states"]
    assert (unpack(record["cues"]["visual"]) == valences[states]).all()
    # frames over time are the code attention, spread
    attention = torch.tensor(unpack(visual["attention"]))
    spread = expand_attention(torch.tensor(codes.astype(int)), attention)
    assert spread.sum(1) == pytest.approx(1, abs=1e-5)
    looks = unpack(visual["looks"])
    assert looks.shape == (len(codes), len(drawable(corpus.feature_names["visual"], "visual")))
    assert looks.max() == 100


def test_mass_on_cues_is_their_share_when_attention_does_not_choose(run, corpus):
    even = Subject("even", run.model, run.processor, attention_scale=0.0)
    cues = measure_effects([even], corpus.test[2], corpus, corpus.test)["subjects"][0]["visual"]
    assert cues["cues"]["mass"] == pytest.approx(cues["cues"]["share"], abs=1e-5)
    assert cues["cues"]["control_mass"] == pytest.approx(cues["cues"]["control_share"], abs=1e-5)
    table = attention_on_cues(even, list(corpus.test), corpus)
    assert table["mass"].to_numpy() == pytest.approx(table["share"].to_numpy(), abs=1e-5)
    assert len(table) == 2 * 2 * len(corpus.test)
    # shuffled: everybody has another's streams, and all streams are used once
    own, shuffled = (table[table["streams"] == s] for s in ("own", "shuffled"))
    assert sorted(own["share"]) == pytest.approx(sorted(shuffled["share"]))
    pairs = own.merge(shuffled, on=["id", "stream"])
    assert (pairs["share_x"] != pairs["share_y"]).any()


def test_mass_on_cues_by_hand(subject, corpus):
    utterance = corpus.test[2]
    (reading,) = subject.read([utterance])
    codes = subject.processor.codes(utterance, "visual")
    cue = np.array(corpus.provenance["visual_cues"])[utterance.annotations["visual_states"]] != 0
    spread = expand_attention(torch.tensor(codes), torch.tensor(reading.visual))
    found = measure_effects([subject], utterance, corpus)["subjects"][0]["visual"]["cues"]
    assert found["mass"] == pytest.approx(spread[:-1, cue].sum(1).mean().item(), abs=1e-5)
    assert (found["share"], found["control_mass"]) == (pytest.approx(cue.mean()), None)


def test_another_scale_is_read_without_changing_the_model(run, corpus, subject):
    own = run.model.fusion.scale
    sharp = Subject("sharp", run.model, run.processor, attention_scale=10 * own)
    (a,), (b,) = subject.read([corpus.test[0]]), sharp.read([corpus.test[0]])
    assert b.visual.max(1).mean() > a.visual.max(1).mean()
    assert run.model.fusion.scale == own


def test_the_list_tells_what_the_streams_moved(subject, corpus):
    table = list_utterances(subject, list(corpus.test))
    assert table["id"].tolist() == [u.id for u in corpus.test]
    readings = subject.read([without(u, "visual", "acoustic") for u in corpus.test])
    assert table["words_alone"].tolist() == pytest.approx([r.prediction for r in readings])
    assert ((table["entropy"] > 0) & (table["entropy"] < np.log2(12))).all()


def test_a_code_book_says_where_its_codes_occur(run, corpus):
    book = describe_vocabulary(run.processor, corpus, "visual")
    json.dumps(book, allow_nan=False)
    codes = [run.processor.codes(u, "visual") for u in corpus.train]
    counts = np.bincount(np.concatenate(codes), minlength=book["k"])
    assert [code["frames"] for code in book["codes"]] == counts.tolist()
    negative = np.concatenate([c for u, c in zip(corpus.train, codes) if u.label < 0])
    assert book["codes"][3]["negative"] == pytest.approx((negative == 3).mean())
    leans = [book["codes"][code]["lean"] for code in book["order"]]
    assert leans == sorted(leans)
    vocabulary = run.processor.vocabularies["visual"]
    near = book["codes"][3]["nearest"]
    assert len({one["id"] for one in near}) == 5
    by_id = {u.id: u for u in corpus.train}
    distances = [
        ((vocabulary.standardize(by_id[one["id"]].visual) - vocabulary.codes_[3]) ** 2).sum(1)
        for one in near
    ]
    found = [d[one["frame"]] for d, one in zip(distances, near)]
    assert found == sorted(found)
    assert found[0] == min(
        ((vocabulary.standardize(u.visual) - vocabulary.codes_[3]) ** 2).sum(1)[c == 3].min()
        for u, c in zip(corpus.train, codes)
        if (c == 3).any()
    )
    states = corpus.provenance["visual_states"]
    assert all(c["state"] in states and 0 < c["purity"] <= 1 for c in book["codes"])


@pytest.mark.parametrize("dtype", ["u1", "u2", "i1", "f2", "f4"])
def test_packed_arrays_come_back(dtype):
    array = np.arange(12, dtype=dtype).reshape(3, 4)
    assert (unpack(json.loads(json.dumps(pack(array, dtype)))) == array).all()


# pictures of codes


def test_channels_are_matched_by_name_whatever_the_toolkit():
    names = ["Joy", "AU1", "AU04_r", "AU04_c", "au_12 Evidence", "AU99", "Yaw Degrees", "pose_Rx"]
    assert drawable(names, "visual") == {"AU1": 1, "AU4": 2, "AU12": 4, "yaw": 6, "pitch": 7}
    voice = ["F0", "VUV", "NAQ", "creak", "MCEP_0", "MCEP_10"]
    assert drawable(voice, "acoustic") == {
        **{"pitch": 0, "voicing": 1, "breath": 2, "creak": 3, "energy": 4}
    }
    assert drawable(None, "visual") == {}


def test_a_smile_moves_the_corners_of_the_mouth_up_and_a_frown_down():
    def corner(**activation):
        mouth = next(p for part, p, _ in face_curves(activation) if part["kind"] == "mouth")
        return mouth[0, 1]

    assert corner(AU12=1.0) < corner() < corner(AU15=1.0)  # y grows downwards


def test_codes_of_the_planted_states_look_and_read_like_them(run, corpus):
    book = describe_vocabulary(run.processor, corpus, "visual")
    by_state = {code["state"]: code["caption"] for code in book["codes"]}
    assert "lip corners up" in (by_state.get("smile", "") + by_state.get("broad smile", ""))
    assert "brows lowered" in by_state["frown"]
    vocabulary = run.processor.vocabularies["visual"]
    activations = Activations.of(vocabulary, corpus.feature_names["visual"], "visual")
    drawn = activations(vocabulary.codes_)
    assert (drawn.min(), drawn.max()) >= (-1, 1)
    units = [i for i, name in enumerate(activations.columns) if name.startswith("AU")]
    assert drawn[:, units].min() == 0
    assert caption({}, {"x": -2.0, "y": 0.1}, "visual") == "x low"


# Python's side of the widget


def test_traits_are_set_read_and_observed(inspector):
    heard = []
    inspector.observe(lambda change: heard.append(change["new"]), "utterance")
    before = inspector._record
    inspector.word, inspector.code = 2, ("visual", 3)
    other = next(id for id in inspector.listing["id"] if id != inspector.utterance)
    inspector.utterance = other
    assert heard == [other]
    assert inspector._record["id"] == inspector._effects["id"] == other != before["id"]
    assert inspector.word is None  # a position in another sentence means nothing
    assert inspector.code == ("visual", 3)  # a code is the same everywhere
    inspector.set_state({"code": ["acoustic", 1], "word": -1})  # as the page does
    assert (inspector.code, inspector.word) == (("acoustic", 1), -1)


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("utterance", "nobody", "not among the 12 utterances listed"),
        ("word", 99, "there is no word 99"),
        ("code", ("visual", 12), "codes are 0 to 11"),
    ],
)
def test_what_does_not_exist_cannot_be_chosen(inspector, trait, value, message):
    before = getattr(inspector, trait)
    with pytest.raises(CENetError, match=message):
        setattr(inspector, trait, value)
    assert getattr(inspector, trait) == before


def test_it_opens_on_the_sentence_that_face_and_voice_lower_most(inspector):
    moved = inspector.listing["prediction"] - inspector.listing["words_alone"]
    assert inspector.utterance == inspector.listing["id"][moved.idxmin()]


@pytest.mark.slow
def test_a_model_without_attention_still_shows_its_predictions(folder, corpus, tmp_path):
    run = make_inspected_run(folder, fusion="late")
    inspector = AttentionInspector.from_run(run, corpus)
    entry = inspector._record["subjects"][0]
    assert entry["visual"]["attention"] is None
    assert entry["predictions"]["all"] != entry["predictions"]["none"]
    assert inspector._effects["subjects"][0]["visual"]["effects"]
    inspector.to_html(tmp_path / "late.html")
    inspector.to_png(tmp_path / "late.png")
    with pytest.raises(CENetError, match="does not attend"):
        AttentionInspector.from_run(run, corpus, compare=1.0)


def test_attention_over_frames_is_gathered_by_code(folder, corpus):
    run = make_inspected_run(folder, fusion="ce-continuous")
    subject = Subject("frames", run.model, run.processor)
    utterances = list(corpus.test[:3])  # of different lengths: the batch is padded
    for utterance, reading in zip(utterances, subject.read(utterances), strict=True):
        assert reading.visual.sum(1) == pytest.approx(1, abs=1e-5)
        absent = np.bincount(subject.processor.codes(utterance, "visual"), minlength=13) == 0
        assert (reading.visual[:, absent] == 0).all()


def test_two_scales_share_a_code_book_and_two_models_need_not(run, corpus, folder):
    scales = AttentionInspector.from_run(run, corpus, compare=1.0)
    assert [s["name"] for s in scales._corpus["subjects"]] == ["scale 400", "scale 1"]
    assert len(scales._corpus["vocabularies"]) == 1
    assert len(scales._record["subjects"]) == 2
    other = folder / "none"
    if not other.exists():
        make_inspected_run(folder, fusion="none")
    models = AttentionInspector.from_run(run, corpus, compare=other)
    # of the same seed, so the code books are the same; see test_inspector_several.py for others
    assert [s["vocabulary"] for s in models._corpus["subjects"]] == [0, 0]
    assert models._corpus["several"] is None  # one has no map
    assert [s["name"] for s in models._corpus["subjects"]] == ["ce", "none"]


def test_nothing_to_list_is_an_error(run, corpus):
    with pytest.raises(CENetError, match="no utterance to look into"):
        AttentionInspector(run.model, run.processor, corpus, [])


# files


@pytest.mark.slow
def test_the_page_is_one_safe_file(inspector, tmp_path):
    path = tmp_path / "page.html"
    inspector.word, inspector.code = 1, ("visual", 2)
    inspector.to_html(path)
    page = path.read_text(encoding="utf-8")
    assert len(page) < 2_000_000
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", page)
    assert "import(" not in page
    assert page.count("<script") == page.count("</script>") == 2  # no word opened another
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    assert data["state"] == {
        **{"utterance": inspector.utterance, "word": 1, "code": ["visual", 2], "view": "codes"},
        **{"maps": "each", "pair": [0, 1], "show": "utterance", "_corpus_view": {}},
    }
    assert set(data["records"]) == set(data["effects"]) == set(inspector.listing["id"])
    packed = data["records"][inspector.utterance]["subjects"][0]["visual"]["attention"]
    assert packed["dtype"] == "f2"
    exact = unpack(inspector._record["subjects"][0]["visual"]["attention"])
    assert unpack(packed) == pytest.approx(exact, abs=1e-3)


@pytest.mark.slow
def test_a_page_of_some_utterances_takes_the_most_moved(inspector, tmp_path):
    inspector.to_html(tmp_path / "page.html", 4)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    moved = (inspector.listing["prediction"] - inspector.listing["words_alone"]).abs()
    most = inspector.listing["id"][moved.sort_values(ascending=False).index[:4]]
    assert inspector.utterance in data["records"]
    assert len(set(data["records"]) & set(most)) >= 3
    assert len(data["records"]) == 4
    with pytest.raises(CENetError, match="cannot export"):
        inspector.to_html(tmp_path / "other.html", ["nobody"])
    assert not (tmp_path / "other.html").exists()


@pytest.mark.slow
def test_a_page_that_grows_too_large_leaves_the_frames_looks_out(inspector, tmp_path, monkeypatch):
    monkeypatch.setattr("cenet_lib.inspector.fitting.LARGEST_PAGE", 1000)
    inspector.to_html(tmp_path / "page.html", 2)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    assert data["records"][inspector.utterance]["subjects"][0]["visual"]["looks"] is None
    assert data["effects"][inspector.utterance]["subjects"][0]["estimate"] is None


def test_pictures_for_papers(inspector, tmp_path):
    inspector.to_png(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    inspector.to_svg(tmp_path / "a.svg")
    assert "<svg" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    figure = inspector.figure()
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert {"Face", "Voice", "words alone", "all three"} <= set(texts)
    words = inspector._record["words"]
    assert all(any(text.startswith(word[:17]) for text in texts) for word in words)


def test_a_prediction_beyond_the_scale_leads_out_of_the_figure(run, corpus):
    inspector = AttentionInspector(run.model, run.processor, corpus, [corpus.test[0]])
    said = inspector._record["subjects"][0]["predictions"]
    low, high = inspector._corpus["label_range"]
    said |= {"none": low - 1, "no_visual": high + 0.1, "no_acoustic": low, "all": high}
    markers = [line.get_marker() for line in inspector.figure().axes[0].lines]
    assert [marker for marker in markers if marker in "<>os"] == ["<", ">", "o", "o"]


def test_what_is_told_of_two_narrow_maps_stands_side_by_side(run, corpus):
    first = corpus.test[0]
    few = replace(first, visual=first.visual[:1], acoustic=first.acoustic[:1], annotations={})
    ax = AttentionInspector(run.model, run.processor, corpus, [few]).figure().axes[0]
    told = [text.get_window_extent() for text in ax.texts if text.get_text().startswith("top code")]
    assert len(told) == 2
    assert told[0].x1 < told[1].x0


def test_a_saved_notebook_keeps_a_picture_beside_the_widget(inspector):
    data, _ = inspector._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"} <= set(data)
    assert len(data["image/png"]) < 200_000


def test_the_command_writes_a_page(folder, tmp_path, capsys):
    out = tmp_path / "page.html"
    arguments = ["inspect", str(folder / "ce"), "--out", str(out), "--utterances", "2"]
    assert main(arguments) == 0
    assert out.stat().st_size > 50_000
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["inspect", str(folder / "nothing"), "--out", str(tmp_path / "b.html")]) == 2
    assert "is not a finished run" in capsys.readouterr().err


def test_real_mosi_without_channel_names_shows_its_codes_as_bars(test_data, tmp_path):
    utterances = list(load_corpus(test_data / "mosi_sample" / "dev.pkl"))
    corpus = Corpus("mosi", utterances[:60], utterances[60:75], utterances[75:85])
    assert corpus.feature_names["visual"] is None
    settings = TrainingSettings(backbone=str(make_backbone(tmp_path / "backbone")))
    processor, model = build(corpus, settings)
    inspector = AttentionInspector(model.eval(), processor, corpus)
    book = inspector._corpus["vocabularies"][0]["visual"]
    assert (book["art"], len(book["names"])) == ([], 47)
    assert inspector._record["subjects"][0]["visual"]["looks"] is None
    assert inspector._effects["subjects"][0]["visual"]["cues"] is None
    inspector.to_html(tmp_path / "mosi.html", 3)
    inspector.to_png(tmp_path / "mosi.png")
    with pytest.raises(CENetError, match="does not say which frames are cues"):
        attention_on_cues(inspector.subjects[0], list(corpus.test), corpus)
