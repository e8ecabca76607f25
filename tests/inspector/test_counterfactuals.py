"""What a model makes of an utterance that nobody said, and how far its streams get."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cenet_lib import AttentionInspector, CENetError, Run
from cenet_lib.inspector.counterfactuals import Altered, Changes, what_if
from cenet_lib.inspector.records import (
    Subject,
    describe_utterance,
    describe_vocabulary,
    measure_effects,
    unpack,
    without,
)
from cenet_lib.inspector.what_ifs import measure_what_ifs
from cenet_lib.utterance import STREAMS

ALL = ("none", "ce", "ce-continuous", "mag", "late", "bright")
FUSED = ALL[1:]


@pytest.fixture(scope="module")
def one(corpus):
    return replace(corpus.test[2], annotations={})


def same(reading, other):
    assert reading.prediction == pytest.approx(other.prediction, abs=1e-5)
    for stream in STREAMS:
        mine, yours = getattr(reading, stream), getattr(other, stream)
        assert (mine is None) == (yours is None)
        if mine is not None:
            assert mine == pytest.approx(yours, abs=1e-5, nan_ok=True)


@pytest.mark.parametrize("name", ALL)
def test_without_changes_it_is_what_was_said(name, subjects, one, corpus):
    subject = subjects[name]
    same(what_if(subject, one, Changes(), corpus), subject.read([one])[0])


@pytest.mark.parametrize("name", ALL)
def test_a_replaced_word_is_read_in_its_place(name, subjects, one, corpus):
    words = ("good film", *one.words[1:])  # two pieces in the place of one
    (said,) = subjects[name].read([replace(one, words=words)])
    same(what_if(subjects[name], one, Changes(words={0: "good film"}), corpus), said)
    assert said.prediction != pytest.approx(subjects[name].read([one])[0].prediction, abs=1e-5)


@pytest.mark.parametrize("name", ["none", "ce", "ce-continuous", "late", "bright"])
def test_a_word_left_out_is_not_read_and_the_others_keep_their_rows(name, subjects, one, corpus):
    subject = subjects[name]
    found = what_if(subject, one, Changes(words={1: None}), corpus)
    (shorter,) = subject.read([replace(one, words=(one.words[0], *one.words[2:]))])
    assert found.prediction == pytest.approx(shorter.prediction, abs=1e-5)
    if found.visual is not None:
        assert np.isnan(found.visual[1]).all()
        assert np.delete(found.visual, 1, 0) == pytest.approx(shorter.visual, abs=1e-5)


def test_the_words_around_one_that_is_left_out_keep_their_share_of_the_time(subjects, one):
    processor = subjects["mag"].processor
    whole = processor(one)
    left = Altered(processor, one, {1: None}, {}).features
    for word in (0, 2):
        tokens = [np.flatnonzero(f["word_index"] == word)[0] for f in (whole, left)]
        frames = [f["visual"][token] for f, token in zip((whole, left), tokens, strict=True)]
        assert frames[0] == pytest.approx(frames[1], abs=1e-6)
    assert 1 not in left["word_index"]


@pytest.mark.parametrize("name", FUSED)
def test_a_gap_is_as_if_those_frames_were_never_recorded(name, subjects, one, corpus):
    subject, n = subjects[name], len(one.acoustic)
    found = what_if(subject, one, Changes(gaps=[("acoustic", 0, n)]), corpus)
    same(found, subject.read([without(one, "acoustic")])[0])
    some = what_if(subject, one, Changes(gaps=[("acoustic", 2, 5), ("acoustic", 4, 7)]), corpus)
    if subject.processor.reads != "aligned":  # there, a word keeps its own share of the time
        rest = np.delete(one.acoustic, slice(2, 7), axis=0)
        same(some, subject.read([one.with_frames(acoustic=rest)])[0])
    assert some.prediction != pytest.approx(found.prediction, abs=1e-5)


@pytest.mark.parametrize("name", FUSED)
def test_frames_of_one_code_become_those_of_another(name, subjects, one, corpus):
    subject = subjects[name]
    codes, book = (
        subject.processor.codes(one, "visual"),
        subject.processor.vocabularies["visual"],
    )
    code, to = int(codes[0]), (int(codes[0]) + 1) % book.n_codes
    frames = one.visual.copy()
    centre = book.codes_[to] * book.scale_ + book.mean_
    frames[codes == code] = centre
    (said,) = subject.read([one.with_frames(visual=frames)])
    found = what_if(subject, one, Changes(codes={("visual", code): to}), corpus)
    assert found.prediction == pytest.approx(said.prediction, abs=2e-4)
    if found.visual is not None:
        assert found.visual == pytest.approx(said.visual, abs=2e-4)
        assert (found.visual[:, code] == 0).all()


def test_all_at_once_is_all_at_once(subjects, one, corpus):
    """Words, codes, a gap, a scale and a code taken away, against the model called by hand."""
    subject = subjects["ce"]
    processor, model = subject.processor, subject.model
    codes = {stream: processor.codes(one, stream) for stream in STREAMS}
    code, gone = int(codes["visual"][0]), int(codes["acoustic"][-1])
    to = (code + 2) % 6
    changes = Changes(
        words={0: "poor"},
        codes={("visual", code): to},
        gaps=[("visual", 1, 4)],
        scale=3.0,
        without=[("acoustic", gone)],
    )
    found = what_if(subject, one, changes, corpus)
    batch = processor.batch([replace(one, words=("poor", *one.words[1:]))])
    face = np.delete(np.where(codes["visual"] == code, to, codes["visual"]), slice(1, 4))
    voice = codes["acoustic"][codes["acoustic"] != gone]
    counts = [np.bincount(face, minlength=7), np.bincount(voice, minlength=6)]
    batch["visual_counts"], batch["acoustic_counts"] = (torch.tensor(c)[None] for c in counts)
    own = model.fusion.scale
    model.fusion.scale = 3.0
    with torch.no_grad():
        expected = model(**batch, output_attentions=True)
    model.fusion.scale = own
    assert found.prediction == pytest.approx(expected.logits.item(), abs=1e-5)
    first = expected.acoustic_attention[0, 0].numpy()
    assert found.acoustic[-1] == pytest.approx(first, abs=1e-6)
    assert model.fusion.scale == 8.0  # the model is as it was


def test_planted_cues_of_one_sign_are_taken_away(subjects, corpus):
    one, subject = corpus.test[2], subjects["ce"]
    signs = {s: np.array(corpus.provenance[f"{s}_cues"]) for s in STREAMS}
    kept = {s: one.frames(s)[signs[s][one.annotations[f"{s}_states"]] != 1] for s in STREAMS}
    (said,) = subject.read([replace(one.with_frames(**kept), annotations={})])
    assert len(kept["visual"]) < len(one.visual)
    same(what_if(subject, one, Changes(cues="positive"), corpus), said)


def test_what_a_file_knows_of_words_is_kept_but_for_those_that_it_never_saw(subjects, one):
    processor = type(subjects["ce"].processor)(
        subjects["ce"].processor.tokenizer,
        *subjects["ce"].processor.vocabularies.values(),
        annotator="file",
    )
    n = len(one.words)
    ids = {"pos_ids": np.arange(n) % 4, "polarity_ids": np.arange(n) % 2}
    altered = Altered(processor, replace(one, annotations=ids), {0: "poor", 2: None}, {})
    features = altered.features
    by_word = {int(w): int(p) for w, p in zip(features["word_index"], features["pos_ids"])}
    assert by_word[0] == 4  # "other": nobody knows
    assert {w: p for w, p in by_word.items() if w > 0} == {w: w % 4 for w in range(1, n) if w != 2}


BAD = [
    ({"words": {99: "so"}}, "there is no word 99"),
    ({"words": {True: "so"}}, "there is no word True"),
    ({"words": {0: " "}}, "' ' is no word; write one, or None"),
    ({"words": {0: 3}}, "3 is no word"),
    ({"words": {0: "\ud83d"}}, "is no word"),
    ({"words": {0: "x" * 201}}, "a word has 201 characters; 200 are the most"),
    ({"words": dict.fromkeys(range(99))}, "there is no word"),
    ({"codes": {("visual", 0): 6}}, "the visual codes are 0 to 5; not 6"),
    ({"codes": {("visual", 1.5): 0}}, "the visual codes are 0 to 5; not 1.5"),
    ({"codes": {("taste", 0): 1}}, "there is no stream 'taste'"),
    ({"without": [("acoustic", -1)]}, "the acoustic codes are 0 to 4; not -1"),
    ({"gaps": [("visual", 3, 3)]}, "visual frames; from 3 to 3 is no stretch"),
    ({"gaps": [("visual", 0, 10**6)]}, "is no stretch"),
    ({"scale": -1}, "the attention scale is -1"),
    ({"scale": float("nan")}, "the attention scale is nan"),
    ({"scale": True}, "the attention scale is True"),
    ({"scale": "8"}, "the attention scale is '8'"),
    ({"cues": "many"}, "cues are positive or negative; not 'many'"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_what_there_is_not_cannot_be_changed(changes, message, subjects, one, corpus):
    with pytest.raises(CENetError, match=message):
        what_if(subjects["ce"], one, Changes(**changes), corpus)


def test_models_refuse_what_they_have_no_place_for(subjects, one, corpus):
    with pytest.raises(CENetError, match="none reads words only"):
        what_if(subjects["none"], one, Changes(gaps=[("visual", 0, 1)]), corpus)
    for name in ("none", "mag", "late"):
        with pytest.raises(CENetError, match=f"{name} does not attend"):
            what_if(subjects[name], one, Changes(scale=2.0), corpus)
    short = replace(one, words=("good",))
    with pytest.raises(CENetError, match="no word would be left"):
        what_if(subjects["none"], short, Changes(words={0: None}), corpus)
    for message in ({"words": 3}, {"codes": [["visual", 0]]}, {"words": [[[0], "so"]]}):
        with pytest.raises(CENetError, match="these are no changes"):
            Changes.from_message(message)


def test_the_widget_answers_what_the_page_asks(subjects, one, corpus):
    subject = subjects["ce"]
    inspector = AttentionInspector(subject.model, subject.processor, corpus, [one])
    sent = []
    inspector.send = sent.append
    asked = {"kind": "what if", "id": one.id, "subject": 0, "key": "so", "words": [[0, "poor"]]}
    inspector._hear(None, asked, [])
    expected = inspector.what_if(words={0: "poor"})
    assert {name: sent[0][name] for name in asked} == asked
    assert sent[0]["answer"]["prediction"] == expected.prediction
    assert unpack(sent[0]["answer"]["visual"]) == pytest.approx(expected.visual, nan_ok=True)
    inspector._hear(None, {**asked, "words": [[99, "poor"]]}, [])
    inspector._hear(None, {**asked, "subject": 7}, [])
    assert "there is no word 99" in sent[1]["say"]
    assert "there are 1 models" in sent[2]["say"]
    assert "answer" not in sent[1]
    with pytest.raises(CENetError, match="not among the 1 utterances"):
        inspector.what_if("nobody", words={0: "poor"})


# a choice, for pages without a kernel


@pytest.mark.parametrize("name", ALL)
def test_a_choice_of_counterfactuals_is_what_the_model_does(name, subjects, one, corpus):
    subject = subjects[name]
    effects = measure_effects([subject], one, corpus)
    books = {s: describe_vocabulary(subject.processor, corpus, s) for s in STREAMS}
    found = measure_what_ifs([subject], one, effects, [books])["subjects"][0]
    assert unpack(found["words"])[1] == pytest.approx(
        what_if(subject, one, Changes(words={1: None}), corpus).prediction, abs=1e-5
    )
    assert (len(found["codes"]), len(found["scales"])) == {
        "none": (0, 0),
        "ce": (3, 4),
        "ce-continuous": (3, 4),
    }.get(name, (3, 0))
    strongest = {}
    for entry in found["codes"]:
        code = (entry["stream"], entry["code"])
        strongest[code] = abs(effects["subjects"][0][code[0]]["effects"][str(code[1])])
        changed = what_if(subject, one, Changes(codes={code: entry["to"]}), corpus)
        assert entry["prediction"] == pytest.approx(changed.prediction, abs=1e-5)
        leans = [c["lean"] for c in books[code[0]]["codes"]]
        apart = [abs(lean - leans[code[1]]) for lean in leans]
        assert apart[entry["to"]] == max(apart)
        for stream, row, column, value in entry["cells"]:
            assert value == pytest.approx(getattr(changed, stream)[row, column], abs=1e-4)
    everybody = [abs(e) for s in STREAMS for e in effects["subjects"][0][s]["effects"].values()]
    assert sorted(strongest.values()) == sorted(everybody)[-3:]
    for entry in found["scales"]:
        changed = what_if(subject, one, Changes(scale=entry["scale"]), corpus)
        assert entry["prediction"] == pytest.approx(changed.prediction, abs=1e-5)


def test_a_single_word_cannot_be_left_out(subjects, one, corpus):
    short = replace(one, words=("good",))
    effects = measure_effects([subjects["none"]], short, corpus)
    found = measure_what_ifs([subjects["none"]], short, effects, [dict.fromkeys(STREAMS)])
    assert np.isnan(unpack(found["subjects"][0]["words"])).all()


# through the layers


@pytest.mark.parametrize("name", ALL)
def test_how_far_streams_move_the_first_token_through_the_layers(name, subjects, one, corpus):
    """Against the hidden states that transformers gives back when asked."""
    subject = subjects[name]
    record = describe_utterance([subject], one, corpus)["subjects"][0]
    if name == "none":
        assert record["layers"] is None
        return
    moved = unpack(record["layers"]).reshape(3, -1)
    assert moved.shape == (3, 3)  # two layers, and the head
    stands = subject.facts["stands"]
    at = {"before layer": 1, "at the head": 2}[stands]
    assert moved[:, :at] == pytest.approx(0, abs=1e-5)
    if name != "mag":  # which gives the first token no frames
        assert (moved[[0, 2], at] > 1e-4).all()

    heads = []
    model, processor = subject.model, subject.processor
    hook = model.head.register_forward_pre_hook(lambda _, inputs: heads.append(inputs[0]))
    with torch.no_grad():
        for streams in ((), ("acoustic",), ("visual",), STREAMS):
            model(**processor.inputs([processor(without(one, *streams))], "cpu"))
    hook.remove()
    *some, neither = (head[0].numpy() for head in heads)
    expected = [np.linalg.norm(s - neither) / np.linalg.norm(neither) for s in some]
    assert moved[:, -1] == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_the_shift_itself_is_where_the_plot_begins(subjects, one, corpus):
    subject = subjects["ce"]
    model, processor = subject.model, subject.processor
    record = describe_utterance([subject], one, corpus)["subjects"][0]
    calls = []
    hook = model.fusion.register_forward_hook(lambda *call: calls.append(call))
    with torch.no_grad():
        model(**processor.inputs([processor(one)], "cpu"))
        model(**processor.inputs([processor(without(one, *STREAMS))], "cpu"))
    hook.remove()
    both, neither = (output.states[0, 0].numpy() for _, _, output in calls)
    expected = np.linalg.norm(both - neither) / np.linalg.norm(neither)
    assert unpack(record["layers"]).reshape(3, -1)[0, 1] == pytest.approx(expected, rel=1e-4)


def test_gates_are_those_of_the_model(subjects, one, corpus):
    """Mean and open share of relu(W_g [f ; z] + b), averaged over the pieces of a word."""
    subject = subjects["mag"]
    model, processor = subject.model, subject.processor
    one = replace(one, words=("goods", *one.words[1:]))  # a word of two pieces
    record = describe_utterance([subject], one, corpus)["subjects"][0]
    entered = []
    hook = model.fusion.register_forward_pre_hook(lambda _, inputs: entered.append(inputs))
    features = processor(one)
    with torch.no_grad():
        model(**processor.inputs([features], "cpu"))
        hook.remove()
        text, _, voice = entered[0]
        gate = model.fusion.acoustic_gate(torch.cat([voice.values, text], dim=-1)).relu()[0]
    of_word = gate[torch.tensor(features["word_index"] == 0)].numpy()
    assert len(of_word) == 2
    wide, share = unpack(record["acoustic"]["gate"]).reshape(2, -1)
    assert wide[0] == pytest.approx(of_word.mean(), rel=1e-4)
    assert share[0] == pytest.approx((of_word > 0).mean(), rel=1e-4)
    assert 0 < share[0] < 1
    assert wide[-1] == pytest.approx(gate[0].mean().item(), rel=1e-4)
    other = describe_utterance([subjects["ce"]], one, corpus)["subjects"][0]
    assert other["acoustic"]["gate"] is None


def test_listening_leaves_nothing_behind(folder, corpus):
    run = Run(folder / "ce")
    subject = Subject("ce", run.model, run.processor)
    describe_utterance([subject], corpus.test[0], corpus)
    assert not run.model.head._forward_pre_hooks
    assert not run.model.fusion._forward_hooks
