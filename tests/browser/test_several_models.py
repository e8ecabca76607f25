"""The pages of several models: the difference of two, mean and spread of more, who agrees."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from axe import load_axe, skip_without_axe, violations
from inspected import make_inspected_run

from cenet_lib import AttentionInspector, Corpus, Run
from cenet_lib.inspector.records import unpack
from cenet_lib.inspector.several import frame_map

INSIDE = "document.querySelector('#inspector div').shadowRoot"


@pytest.fixture(scope="module")
def runs(workplace):
    others = [make_inspected_run(workplace, name=f"ce-{seed}", seed=seed) for seed in (1, 2)]
    return [Run(workplace / "ce"), *others]


@pytest.fixture(scope="module")
def three(runs, workplace):
    return AttentionInspector.from_runs(runs, Corpus.load(workplace / "corpus"))


@pytest.fixture(scope="module")
def two(runs, workplace):
    return AttentionInspector.from_runs(runs[:2], Corpus.load(workplace / "corpus"))


@pytest.fixture(scope="module")
def pages(two, three, tmp_path_factory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("several")
    for n, inspector in ((2, two), (3, three)):
        inspector.to_html(folder / f"{n}.html", 3)
    return {n: folder / f"{n}.html" for n in (2, 3)}


@pytest.fixture
def opened(pages, watched):
    def open_page(n, hash="", **settings):
        watch = watched(**settings)
        watch.page.goto(pages[n].as_uri() + hash)
        watch.page.locator(".sentence button").first.wait_for()
        return watch

    return open_page


def maps_of(inspector, stream="visual"):
    """Return each model's attention over frames, and over the first one's codes."""
    one = inspector._listed[inspector.utterance]
    maps = [frame_map(s, s.read([one])[0], one, stream) for s in inspector.subjects]
    codes = inspector.subjects[0].processor.codes(one, stream)
    k = inspector.subjects[0].processor.n_codes(stream)
    in_codes = [np.stack([m[:, codes == c].sum(1) for c in range(k)], 1) for m in maps]
    return np.array(maps), np.array(in_codes)  # (m, rows, n), (m, rows, k)


def table_of(page, i=0):
    """Return the numbers of a map that is shown as a table, by row and code."""
    table = page.locator("table[data-stream]").nth(i)
    codes = [int(text) for text in table.locator("thead th").all_inner_texts()]
    rows = [
        [float(cell.replace("−", "-")) for cell in row.locator("td").all_inner_texts()]
        for row in table.locator("tbody tr").all()
    ]
    return codes, np.array(rows)


def test_a_difference_is_in_the_codes_of_the_first_and_turns_round(opened, two):
    watch = opened(2)
    page = watch.page
    titles = page.locator(".band h2")
    assert titles.all_inner_texts() == ["Face, ce − ce-1", "Voice, ce − ce-1"]
    page.get_by_text("as tables").click()
    codes, shown = table_of(page)
    _, in_codes = maps_of(two)
    expected = in_codes[0] - in_codes[1]
    assert shown == pytest.approx(expected[:, codes], abs=0.006)
    assert (
        page.locator("table[data-stream] caption")
        .first.inner_text()
        .startswith("Face, ce − ce-1: difference of each word's attention")
    )
    legend = page.locator(".legend").inner_text()
    assert "ce-1 more −" in legend.replace("\n", " ")
    page.get_by_label("run whose codes are shown").select_option("1")  # the other one gives way
    assert titles.all_inner_texts() == ["Face, ce-1 − ce", "Voice, ce-1 − ce"]
    page.wait_for_url("**maps=difference&models=1-0")
    page.locator("[data-maps=each]").click()
    assert titles.count() == 4
    assert watch.errors == []
    assert watch.left_the_machine() == []


def test_mean_and_spread_of_three_runs(opened, three):
    watch = opened(3)
    page = watch.page
    assert page.locator(".band h2").all_inner_texts() == [
        *("Face, mean of 3 runs", "Face, spread (sd)"),
        *("Voice, mean of 3 runs", "Voice, spread (sd)"),
    ]
    _, in_codes = maps_of(three)
    page.get_by_text("as tables").click()
    for i, expected in enumerate((in_codes.mean(0), in_codes.std(0, ddof=1))):
        codes, shown = table_of(page, i)
        assert shown == pytest.approx(expected[:, codes], abs=0.0011)
    page.get_by_text("as tables").click()
    # colours: white paper where nothing is, and one scale for both
    legend = page.locator(".legend").inner_text().split()[-1]
    most = max(in_codes.mean(0).max(), in_codes.std(0, ddof=1).max())
    voice = maps_of(three, "acoustic")[1]
    most = max(most, voice.mean(0).max(), voice.std(0, ddof=1).max())
    assert float(legend) == pytest.approx(most, abs=0.006)
    assert watch.errors == []


def test_a_tip_says_what_each_run_has_in_a_cell(opened, three):
    page = opened(3).page
    page.locator("canvas.map").nth(1).hover(position={"x": 8, "y": 8})
    told = page.locator(".tip").inner_text()
    code = int(told.split(" × face code ")[1].split(":")[0])
    _, in_codes = maps_of(three)
    shares = in_codes[:, 0, code]
    assert f"standard deviation {shares.std(ddof=1):.2f}" in told
    for name, share in zip(("ce", "ce-1", "ce-2"), shares, strict=True):
        assert any(
            f"{name}: {percent}\u00a0%" in told
            for percent in (int(100 * share), round(100 * share))
        )
    page.locator("[data-view=frames]").click()
    page.locator("canvas.map").first.hover(position={"x": 8, "y": 8})
    assert "× frame 0" in page.locator(".tip").inner_text()


def test_the_page_says_how_far_the_maps_agree(opened, three):
    page = opened(3).page
    told = three._record["agreement"]
    listed = three._corpus["several"]["listed"]
    rows = page.locator(".models tbody tr").all()
    for row, stream in zip(rows, ("visual", "acoustic"), strict=True):
        shown = [float(c.replace("−", "-")) for c in row.locator("td").all_inner_texts()]
        values = [told[stream]["agreement"]]
        values += [listed[stream][name] for name in ("agreement", "low", "by_word")]
        assert shown == pytest.approx(values, abs=0.0051)
    assert "averaged over the 3 pairs of runs" in page.locator(".models .note").inner_text()
    heads = page.locator(".columns button").all_inner_texts()
    assert heads[-1] == "repeats"
    page.locator("[data-column=repeats]").click()
    shown = [
        float(option.locator("span").last.inner_text().replace("−", "-"))
        for option in page.locator("[role=option]").all()
    ]
    assert shown == sorted(shown, reverse=True)
    one_number = three.listing.set_index("id")["repeats"][three.utterance]
    chosen = page.locator("[role=option][aria-selected=true] > span").last.inner_text()
    assert float(chosen.replace("−", "-")) == pytest.approx(one_number, abs=0.0051)


def test_a_run_is_chosen_in_the_table_of_runs_by_keyboard(opened, three):
    page = opened(3).page
    rows = page.locator(".runs tbody tr")
    for row, subject in zip(rows.all(), three._record["subjects"], strict=True):
        shown = row.locator("td").nth(1).inner_text()
        assert float(shown.replace("−", "-")) == pytest.approx(
            subject["predictions"]["all"], abs=0.0051
        )
    page.locator(".runs button").nth(2).focus()
    page.keyboard.press("Enter")
    assert page.evaluate(f"{INSIDE}.activeElement.dataset.run") == "2"
    assert rows.nth(2).get_attribute("class") == "on"
    assert page.locator(".predictions svg").get_attribute("aria-label").startswith("ce-2: ")
    page.locator("[data-maps=each]").click()
    assert page.locator(".band h2").all_inner_texts() == ["Face, ce-2", "Voice, ce-2"]
    # its own codes are shown
    counts = np.bincount(
        unpack(three._record["subjects"][2]["visual"]["codes"]).astype(int), minlength=12
    )
    absent = page.locator(".codes").first.locator(".absent")
    assert absent.count() == (counts == 0).sum()


def test_the_address_says_which_maps_and_of_which_models(opened, pages, three):
    id = three.utterance
    watch = opened(3, f"#utterance={id}&maps=difference&models=2-0&view=frames")
    page = watch.page
    assert page.locator(".band h2").first.inner_text() == "Face, ce-2 − ce"
    for nonsense in ("maps=all&models=0-0", "models=0-9", "models=", "models=1", "models=x-y"):
        page.goto("about:blank")
        page.goto(f"{pages[3].as_uri()}#utterance={id}&{nonsense}")
        page.locator(".sentence button").first.wait_for()
        assert page.locator(".band h2").first.inner_text() == "Face, mean of 3 runs"
    assert watch.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_with_several_models(scheme, opened):
    skip_without_axe()
    found = {}
    for n in (2, 3):
        page = opened(n, color_scheme=scheme).page
        load_axe(page)
        found[n, "at first"] = violations(page)
        page.locator("[data-maps=difference]").click()
        page.locator("canvas.map").first.click(position={"x": 8, "y": 8})
        found[n, "difference"] = violations(page)
        page.get_by_text("as tables").click()
        found[n, "table"] = violations(page)
        page.locator("[data-maps=each]").click()
        found[n, "each"] = violations(page)
        page.set_viewport_size({"width": 390, "height": 800})
        found[n, "narrow"] = violations(page)
    assert {state: some for state, some in found.items() if some} == {}


@pytest.mark.parametrize("width", [390, 320])
def test_narrow_pages_of_several_models_do_not_overflow(width, opened):
    for n in (2, 3):
        page = opened(n, viewport={"width": width, "height": 800}).page
        for maps in page.locator("[data-maps]").all():
            maps.click()
            for view in ("frames", "codes"):
                page.locator(f"[data-view={view}]").click()
                inside = page.locator(".root").evaluate("e => [e.scrollWidth, e.clientWidth]")
                assert inside[0] <= inside[1]


def test_on_paper_and_in_forced_colours_it_is_said_which_maps_these_are(opened):
    page = opened(3, color_scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_timeout(100)
    assert page.locator(".pair").is_hidden()
    assert page.locator(".runs table").is_visible()
    assert page.locator(".band h2").first.inner_text() == "Face, mean of 3 runs"
    assert page.pdf().startswith(b"%PDF")
    page = opened(2, forced_colors="active").page
    look = "e => getComputedStyle(e).backgroundColor"
    on = page.locator("[data-maps=difference]").evaluate(look)
    assert on != page.locator("[data-maps=each]").evaluate(look)


def test_a_picture_and_a_table_of_a_difference_are_saved(opened, two):
    page = opened(2).page
    with page.expect_download() as download:
        page.get_by_label("save as CSV").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {row["model"] for row in rows} == {"ce", "ce-1", "ce − ce-1"}
    _, (one, other) = maps_of(two)
    made = [r for r in rows if (r["model"], r["stream"]) == ("ce − ce-1", "face")]
    for row in made:
        place, code = int(row["position"]), int(row["code"])
        assert float(row["attention"]) == pytest.approx((one - other)[place, code], abs=2e-3)
        assert (row["effect"], row["left_out"]) == ("", "")  # of which there is no difference
    assert len(made) == len(one) * len({row["code"] for row in made})
    with page.expect_download() as download:
        page.get_by_label("save as SVG").click()
    drawn = Path(download.value.path()).read_text(encoding="utf-8")
    assert "Face, ce − ce-1" in drawn
    assert "share of frames" not in drawn  # which is no difference
