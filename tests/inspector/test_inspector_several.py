"""Several models beside each other: what is compared, how far it agrees, and what is refused."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from inspected import make_inspected_corpus, make_inspected_run
from matplotlib.collections import QuadMesh

from cenet_lib import AttentionInspector, CENetError, Run, expand_attention
from cenet_lib.__main__ import main
from cenet_lib.files import read_json
from cenet_lib.inspector.records import Subject, describe_utterance, unpack
from cenet_lib.inspector.several import (
    agreement,
    check_comparable,
    check_runs,
    frame_map,
    measure_agreement,
    name_runs,
    same_vocabularies,
    vocabulary_places,
)


@pytest.fixture(scope="module")
def runs(folder):
    """Three seeds, which have vocabularies of their own."""
    others = [make_inspected_run(folder, name=f"ce-{seed}", seed=seed) for seed in (1, 2)]
    return [Run(folder / "ce"), *others]


@pytest.fixture(scope="module")
def subjects(runs):
    return [Subject(run.folder.name, run.model, run.processor) for run in runs]


@pytest.fixture(scope="module")
def three(runs, corpus):
    return AttentionInspector.from_runs(runs, corpus)


def changed(subject, name="other", **attributes):
    """Return a subject whose processor is another one in some way."""
    processor = SimpleNamespace(**{**vars(subject.processor), **attributes})
    return Subject(name, subject.model, processor)


# how far maps agree


@pytest.mark.parametrize(
    ("maps", "whole", "by_word"),
    [
        ([[[0.7, 0.3], [0.2, 0.8]], [[0.6, 0.4], [0.1, 0.9]]], 0.941742, 1.0),
        ([[[0.7, 0.3], [0.2, 0.8]], [[0.2, 0.8], [0.7, 0.3]]], -0.923077, -1.0),
        # all words attend to the first code: nothing sets one apart
        ([[[0.9, 0.1], [0.9, 0.1]], [[0.8, 0.2], [0.8, 0.2]]], 1.0, np.nan),
        ([[[0.5, 0.5], [0.5, 0.5]], [[0.9, 0.1], [0.8, 0.2]]], np.nan, np.nan),  # one is even
        ([[[1.0], [1.0]], [[1.0], [1.0]]], np.nan, np.nan),  # there is one code only
        # a word that is not read is left out
        ([[[0.7, 0.3], [np.nan] * 2, [0.2, 0.8]], [[0.7, 0.3], [np.nan] * 2, [0.2, 0.8]]], 1, 1),
        ([[[np.nan] * 2], [[np.nan] * 2]], np.nan, np.nan),
    ],
)
def test_maps_agree_as_far_as_their_cells_correlate(maps, whole, by_word):
    found = agreement([np.array(one, np.float32) for one in maps])
    assert found.whole == pytest.approx(whole, abs=1e-5, nan_ok=True)
    assert found.by_word == pytest.approx(by_word, abs=1e-5, nan_ok=True)


def test_of_three_maps_it_is_the_mean_over_pairs_and_each_with_the_others():
    rng = np.random.default_rng(0)
    maps = [rng.dirichlet(np.ones(5), size=4) for _ in range(3)]
    r = np.corrcoef([one.ravel() for one in maps])
    found = agreement(maps)
    assert found.whole == pytest.approx((r[0, 1] + r[0, 2] + r[1, 2]) / 3)
    assert found.each == pytest.approx([(r[i].sum() - 1) / 2 for i in range(3)])
    apart = np.corrcoef([(one - one.mean(0)).ravel() for one in maps])
    assert found.by_word == pytest.approx((apart[0, 1] + apart[0, 2] + apart[1, 2]) / 3)


def test_runs_with_codes_of_their_own_are_compared_frame_by_frame(subjects, corpus):
    assert vocabulary_places([subject.processor for subject in subjects]) == [0, 1, 2]
    utterances = list(corpus.test[:4])
    table = measure_agreement(subjects[:2], utterances).set_index(["id", "stream"])
    for utterance in utterances:
        maps = []
        for subject in subjects[:2]:
            (reading,) = subject.read([utterance])
            codes = torch.tensor(subject.processor.codes(utterance, "acoustic"))
            maps.append(expand_attention(codes, torch.tensor(reading.acoustic)).numpy())
        direct = np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1]
        found = table.loc[(utterance.id, "acoustic"), "agreement"]
        assert found == pytest.approx(direct, abs=1e-4)


def test_runs_with_the_same_codes_are_compared_code_by_code(subjects, corpus):
    own = subjects[0]
    half = Subject("half", own.model, own.processor, attention_scale=200.0)
    one = corpus.test[0]
    (a,), (b,) = own.read([one]), half.read([one])
    occurs = np.unique(own.processor.codes(one, "visual"))
    direct = np.corrcoef(a.visual[:, occurs].ravel(), b.visual[:, occurs].ravel())[0, 1]
    table = measure_agreement([own, half], [one]).set_index("stream")
    assert table.loc["visual", "agreement"] == pytest.approx(direct, abs=1e-4)
    again = measure_agreement([own, Subject("again", own.model, own.processor)], corpus.test)
    assert again["agreement"].to_numpy() == pytest.approx(1.0, abs=1e-5)


def test_vocabularies_are_the_same_up_to_the_last_digits(subjects):
    first, second = (subject.processor for subject in subjects[:2])
    assert not same_vocabularies(first, second)
    rounded = {
        stream: SimpleNamespace(
            codes_=v.codes_ * (1 + 1e-8), mean_=v.mean_, scale_=v.scale_, n_codes=v.n_codes
        )
        for stream, v in first.vocabularies.items()
    }
    assert same_vocabularies(first, SimpleNamespace(vocabularies=rounded))
    fewer = {**first.vocabularies, "acoustic": None}
    assert not same_vocabularies(first, SimpleNamespace(vocabularies=fewer))
    assert same_vocabularies(
        SimpleNamespace(vocabularies=fewer), SimpleNamespace(vocabularies=fewer)
    )


def test_attention_over_frames_is_kept_for_each_frame(folder, corpus):
    run = make_inspected_run(folder, fusion="ce-continuous")
    subject = Subject("frames", run.model, run.processor)
    utterance = corpus.test[1]
    batch = run.processor.batch([utterance])
    batch.pop("labels")
    with torch.inference_mode():
        tokens = run.model(**batch, output_attentions=True).visual_attention[0].numpy()
    index = run.processor(utterance)["word_index"]
    found = frame_map(subject, subject.read([utterance])[0], utterance, "visual")
    assert found.shape == (len(utterance.words) + 1, len(utterance.visual))
    for word in range(len(utterance.words)):
        assert found[word] == pytest.approx(tokens[index == word].mean(0), abs=1e-5)
    record = describe_utterance([subject], utterance, corpus)["subjects"][0]["visual"]
    assert unpack(record["by_frame"]) == pytest.approx(found, abs=1e-5)
    codes = run.processor.codes(utterance, "visual")
    spread = expand_attention(torch.tensor(codes), torch.tensor(unpack(record["attention"])))
    assert np.abs(spread.numpy() - found).max() > 1e-3  # frames of a code do not get the same
    # one that attends to codes has the same cells, by frame
    ce = Subject("ce", Run(folder / "ce").model, Run(folder / "ce").processor)
    assert len(measure_agreement([ce, subject], [utterance])) == 2


# the widget and the page


@pytest.mark.slow
def test_three_runs_begin_with_mean_and_spread(three, runs, corpus, tmp_path):
    assert (three.maps, three.pair) == ("spread", (0, 1))
    assert [s["name"] for s in three._corpus["subjects"]] == ["ce", "ce-1", "ce-2"]
    assert [s["vocabulary"] for s in three._corpus["subjects"]] == [0, 1, 2]
    assert len(three._corpus["vocabularies"]) == 3
    assert three._corpus["title"] == "ce, ce-1 and ce-2"
    table = three.agreement
    assert table.columns.tolist() == ["id", "stream", "agreement", "by_word"]
    here = table[table["id"] == three.utterance].set_index("stream")["agreement"]
    told = three._record["agreement"]
    assert {s: told[s]["agreement"] for s in told} == pytest.approx(dict(here), abs=1e-6)
    assert len(told["visual"]["each"]) == 3
    one_number = three.listing.set_index("id")["repeats"]
    assert one_number[three.utterance] == pytest.approx(here.mean(), abs=1e-6)
    listed = three._corpus["several"]["listed"]["visual"]
    whole = table[table["stream"] == "visual"]["agreement"]
    assert listed["agreement"] == pytest.approx(whole.mean(), abs=1e-5)
    assert listed["low"] == pytest.approx(whole.quantile(0.1), abs=1e-5)
    three.to_html(tmp_path / "page.html", 2)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    assert (data["state"]["maps"], data["state"]["pair"]) == ("spread", [0, 1])
    assert set(data["records"][three.utterance]["agreement"]) == {"visual", "acoustic"}
    texts = {text.get_text() for text in three.figure().axes[0].texts}
    assert {"Face mean of 3 runs", "Voice mean of 3 runs"} <= texts


def test_two_runs_begin_with_their_difference_and_a_second_one_beside_the_first(runs, corpus):
    some = list(corpus.test[:2])
    assert AttentionInspector.from_runs(runs[:2], corpus, some).maps == "difference"
    beside = AttentionInspector.from_run(runs[0], corpus, some, compare=runs[1])
    assert beside.maps == "each"
    beside.maps = "difference"
    with pytest.raises(CENetError, match="a pair is two different models of 0 to 1; not 1, 1"):
        beside.pair = (1, 1)
    alone = AttentionInspector.from_run(runs[0], corpus, some)
    assert (alone._corpus["several"], alone._record["agreement"]) == (None, None)
    with pytest.raises(CENetError, match="there is one model only"):
        alone.maps = "difference"
    with pytest.raises(CENetError, match="open several with from_runs"):
        _ = alone.agreement


def test_the_figure_has_the_mean_in_the_codes_of_the_first(three, subjects, corpus):
    one = {u.id: u for u in corpus.test}[three.utterance]
    maps = [frame_map(s, s.read([one])[0], one, "visual") for s in subjects]
    codes = subjects[0].processor.codes(one, "visual")
    code = codes[0]
    expected = np.mean(maps, axis=0)[:, codes == code].sum(1)
    from cenet_lib.inspector.figure import _mean_attention

    found = _mean_attention(three._record, "visual", subjects[0].processor.n_codes("visual") + 1)
    assert found[:, code] == pytest.approx(expected, abs=1e-5)
    assert found.sum(1) == pytest.approx(1, abs=1e-5)


def test_the_figure_of_two_has_their_difference_as_the_page_does(runs, subjects, corpus):
    inspector = AttentionInspector.from_runs(runs[:2], corpus, list(corpus.test[:1]))
    inspector.pair = (1, 0)
    (one,) = corpus.test[:1]
    maps = [frame_map(s, s.read([one])[0], one, "visual") for s in subjects[:2]]
    codes = subjects[1].processor.codes(one, "visual")
    order = inspector._corpus["vocabularies"][inspector._corpus["subjects"][1]["vocabulary"]]
    columns = [code for code in order["visual"]["order"] if code in codes]
    expected = [[(maps[1] - maps[0])[row, codes == c].sum() for c in columns] for row in (0, -1)]
    axes = inspector.figure().axes[0]
    mesh = next(part for part in axes.collections if isinstance(part, QuadMesh))
    found = np.asarray(mesh.get_array())[[0, -1]]
    np.testing.assert_allclose(found[:, : len(columns)], expected, atol=1e-5)
    assert mesh.norm.vmin == -mesh.norm.vmax  # violet and green end alike
    texts = [text.get_text() for text in axes.texts]
    names = [subject["name"] for subject in inspector._corpus["subjects"]]
    assert f"Face {names[1]} − {names[0]}" in texts
    inspector.maps = "each"
    texts = [text.get_text() for text in inspector.figure().axes[0].texts]
    assert {f"Face {names[0]}", f"Face {names[1]}"} <= set(texts)


# what cannot be compared


def test_runs_are_called_as_their_folders_and_what_sets_them_apart():
    folders = ["a/ce/0", "b/ce/0", "b/none/0"]
    assert name_runs([SimpleNamespace(folder=Path(f)) for f in folders]) == (
        *("a/ce/0", "b/ce/0", "b/none/0"),
    )


def test_what_has_other_cells_is_refused(subjects, folder, corpus):
    own, some = subjects[0], list(corpus.test[:3])
    late = make_inspected_run(folder, fusion="late")
    subject = Subject("late", late.model, late.processor)
    with pytest.raises(CENetError, match="late: its fusion 'late' does not attend, so it has no"):
        check_comparable([own, subject], some)
    silent = changed(own, vocabularies={**own.processor.vocabularies, "acoustic": None})
    with pytest.raises(CENetError, match="other: knows no acoustic stream, ce does"):
        check_comparable([own, silent], some)
    with pytest.raises(CENetError, match="other: knows no acoustic stream, ce does"):
        check_comparable([silent, own], some)
    with pytest.raises(CENetError, match="other: reads 50 frames, ce reads all frames"):
        check_comparable([own, changed(own, pad_frames_to=50)], some)
    with pytest.raises(CENetError, match=rf"other: reads {re.escape(some[0].id)} as 6 word pieces"):
        check_comparable([own, changed(own, max_length=6)], some)


def test_runs_of_other_data_are_refused_before_a_model_is_opened(runs, folder, tmp_path):
    with pytest.raises(CENetError, match="takes two runs or more"):
        check_runs(runs[:1])
    other = tmp_path / "other"
    other.mkdir()
    make_inspected_corpus((30, 12, 12)).save(other / "corpus")
    shutil.copytree(folder / "backbone", other / "backbone")
    strange = make_inspected_run(other)
    with pytest.raises(CENetError) as error:
        AttentionInspector.from_runs([runs[0], strange])
    assert str(error.value).startswith(
        f"{strange.folder}: was trained on inspected (30 train, 12 valid, 12 test), "
        f"{runs[0].folder} on inspected (40 train, 12 valid, 12 test): not the same utterances"
    )
    assert read_json(strange.folder / "config.json", "")["corpus"]["name"] == "inspected"


def test_the_command_compares_runs(runs, folder, tmp_path, capsys):
    one, two, three = (str(run.folder) for run in runs)
    out = tmp_path / "page.html"
    assert main(["inspect", one, two, "--out", str(out), "--utterances", "1"]) == 0
    page = out.read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    assert data["corpus"]["title"] == "ce and ce-1"
    assert data["state"]["maps"] == "difference"
    capsys.readouterr()
    for arguments, message in (
        ([one, one], "is named twice; name each run once"),
        ([one, two, "--compare", three], "--compare puts one run beside another"),
    ):
        other = tmp_path / "other.html"
        assert main(["inspect", *arguments, "--out", str(other)]) == 2
        said = capsys.readouterr().err
        assert message in said
        assert len(said.splitlines()) == 1
        assert not other.exists()


def test_an_utterance_without_voice_is_compared_by_its_face(subjects, corpus):
    bare = replace(corpus.test[0], acoustic=corpus.test[0].acoustic[:0])
    table = measure_agreement(subjects, [bare])
    assert table["stream"].tolist() == ["visual"]
