"""All utterances at once, on the exported page: filters, dots, codes, words, and the way back."""

import numpy as np
import pandas as pd
import pytest
from axe import load_axe, skip_without_axe, violations
from firefox import firefox_program, start_firefox
from inspected import data_of
from test_page_for_everybody import INSIDE

from cenet_lib.inspector import page as package_of_page
from cenet_lib.inspector.figure import signed
from cenet_lib.inspector.records import unpack

HERE = "#show=corpus"


@pytest.fixture(scope="module")
def exported(inspector, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    inspector.to_html(path, 10)  # of 12
    return path


@pytest.fixture
def opened(exported, watched):
    def open_page(hash=HERE, path=exported, **settings):
        watch = watched(**settings)
        watch.page.goto(path.as_uri() + hash)
        watch.page.locator(".option").first.wait_for()
        return watch

    return open_page


@pytest.fixture(scope="module")
def effects(exported):
    """The effect of each code in each utterance, as the page has it."""
    return unpack(data_of(exported)["survey"]["effects"]).astype(float)


def moved_by(inspector, effects, stream):
    """What a stream moves in each utterance."""
    columns = [of == stream for of, _ in inspector.survey.columns]
    return np.nansum(effects[:, columns], axis=1)


def test_a_person_goes_from_one_to_all_and_back(opened, inspector):
    watch = opened("")
    page = watch.page
    finding = page.locator(".finding p").nth(1).inner_text()
    assert "of all 12 utterances" in finding  # whether the code does so everywhere
    page.get_by_role("tab", name="all 12 utterances").click()
    assert page.locator(".sentence").is_hidden()
    page.wait_for_url("**show=corpus*")
    listing = inspector.listing
    turned = np.sign(listing["prediction"]) != np.sign(listing["words_alone"])
    rightly = (np.sign(listing["prediction"]) == np.sign(listing["label"]))[turned].sum()
    summary = page.locator(".summary").inner_text()
    assert f"Face and voice turn the sign of {turned.sum()} (" in summary
    assert f"{rightly} rightly, {turned.sum() - rightly} wrongly." in summary
    # a dot opens its utterance
    page.locator("canvas.scatter").focus()
    page.keyboard.press("ArrowRight")
    said = page.locator("[role=status]").last.inner_text()
    row = int(np.argmin(listing["words_alone"]))
    assert listing["id"][row] in said
    assert f"words alone {signed(listing['words_alone'][row])}" in said
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        if "not on this page" not in page.locator("[role=status]").last.inner_text():
            break
    said = page.locator("[role=status]").last.inner_text()
    page.keyboard.press("Enter")
    page.locator(".sentence button").first.wait_for()
    assert page.locator("[role=option][aria-selected=true]").get_attribute("data-id") in said
    assert page.locator("section[aria-label='All utterances']").is_hidden()
    assert watch.errors == []
    assert watch.requests == [page.url.split("#")[0]]


def place_of_lonely_dot(inspector, exported):
    """Return the id of an utterance that can be opened, and where its dot is, far from others."""
    listing, records = inspector.listing, data_of(exported)["records"]
    dots = listing[["words_alone", "prediction"]].to_numpy()
    low = np.floor(min(-3, dots.min()) * 10) / 10
    high = np.ceil(max(3, dots.max()) * 10) / 10
    share = (dots - low) / (high - low)
    at = np.stack([44 + share[:, 0] * 374, 390 - share[:, 1] * 380], axis=1)  # pixels
    distance = np.linalg.norm(at[:, None] - at[None], axis=-1) + 1e9 * np.eye(len(at))
    alone = distance.min(1) * listing["id"].isin(records)
    row = int(alone.argmax())
    return listing["id"][row], at[row]


def test_the_tip_of_a_dot_says_what_won_and_a_click_opens_it(opened, inspector, exported):
    page = opened().page
    id, (x, y) = place_of_lonely_dot(inspector, exported)
    box = page.locator("canvas.scatter").bounding_box()
    page.mouse.move(box["x"] + x, box["y"] + y)
    tip = page.locator(".tip", has_text=id)
    tip.wait_for()
    lines = tip.inner_text().splitlines()
    assert lines[1].startswith(id)
    assert (lines[3][:5], lines[3][-4:]) == ("face ", " won")
    page.mouse.down()
    page.mouse.up()
    page.locator(".sentence button").first.wait_for()
    chosen = page.locator("[role=option][aria-selected=true]").get_attribute("data-id")
    assert chosen == id


def test_filters_and_the_search_choose_the_same_as_the_numbers(opened, inspector, effects):
    page = opened().page
    face, voice = (moved_by(inspector, effects, stream) for stream in ("visual", "acoustic"))
    ids = inspector.listing["id"]

    def shown():
        return page.locator(".summary .lead").inner_text()

    def told(rows):
        n = int(np.sum(rows))
        return (
            "All 12 utterances."
            if n == 12
            else f"{n} of 12 {'utterance' if n == 1 else 'utterances'}."
        )

    page.locator("[data-filter=conflict]").click()
    against = (face * voice < 0) & (np.minimum(abs(face), abs(voice)) >= 0.1)
    assert shown() == told(against)
    assert page.locator("[data-filter=conflict]").get_attribute("aria-pressed") == "true"
    page.locator("[data-filter=dominated]").click()
    most, least = np.maximum(abs(face), abs(voice)), np.minimum(abs(face), abs(voice))
    assert shown() == told(against & (most >= 0.1) & (most >= 3 * least))
    page.locator("[data-filter=conflict]").click()
    dominate = {"face": most == abs(face), "voice": most == abs(voice)}
    for name, more in dominate.items():  # one of three can hold
        page.locator(f"[data-filter={name}-dominates]").click()
        assert shown() == told((most >= 0.1) & (most >= 3 * least) & more)
    page.get_by_text("clear the filters").click()
    assert shown() == told(np.ones(12))
    assert page.locator("[data-filter][aria-pressed=true]").count() == 0
    page.locator("[data-filter=right]").click()
    page.locator("[data-filter=wrong]").click()  # only one of them can hold
    assert page.locator("[data-filter][aria-pressed=true]").count() == 1
    page.locator("[data-filter=wrong]").click()
    # by code, by id, by speaker
    search = page.locator("input[type=search]")
    column = inspector.survey.columns.index(("visual", 3))
    occurs = ~np.isnan(inspector.survey.effects[:, column])
    search.fill("face-3")
    assert shown() == told(occurs)
    search.fill(ids[4])
    assert shown() == told(ids == ids[4])
    speaker = inspector.corpus.test[0].video
    search.fill(speaker)
    assert shown() == told([speaker in f"{u.text} {u.id} {u.video}" for u in inspector.corpus.test])
    search.fill("")
    page.locator("button[data-column='3']").click()
    page.locator("[data-filter=code]").click()
    assert shown() == told(occurs)
    assert "face code 3" in page.locator(".told").inner_text()


def test_the_legend_of_the_dots_filters_by_what_won(opened, inspector, effects):
    page = opened().page
    moved = [abs(moved_by(inspector, effects, stream)) for stream in ("visual", "acoustic")]
    parts = np.stack([abs(inspector.listing["words_alone"]), *moved])
    counts = np.bincount(parts.argmax(0), minlength=3)
    entries = page.locator(".parts button")

    def said():
        return [int(text.split(": ")[1].split()[0]) for text in entries.all_inner_texts()]

    assert said() == counts.tolist()
    place = int(counts.argmax())
    entries.nth(place).focus()
    page.keyboard.press("Enter")
    assert entries.nth(place).evaluate("e => e.matches(':focus')")  # though it was built anew
    assert entries.nth(place).get_attribute("aria-pressed") == "true"
    assert page.locator(".summary .lead").inner_text().startswith(f"{counts[place]} of 12 ")
    assert said() == counts.tolist()  # how many each of the others would be
    name = ("words-won", "face-won", "voice-won")[place]
    page.wait_for_url(f"**only={name}*")
    page.locator(f"[data-filter={name}]").click()  # it can be taken off where others are, too
    assert entries.nth(place).get_attribute("aria-pressed") == "false"
    assert page.locator(f"[data-filter={name}]").count() == 0


def test_with_a_filter_means_say_that_they_are_of_those_that_pass(opened, inspector, effects):
    page = opened().page
    heading = page.locator(".codetables thead th:nth-child(2)").first
    assert heading.inner_text() == "mean effect (95\u00a0%)"
    page.locator("input[type=search]").fill("great")
    rows = np.array(["great" in u.text for u in inspector.corpus.test])
    assert 0 < rows.sum() < 12
    assert heading.inner_text() == f"mean effect in these {rows.sum()} (in all)"
    for column, found in enumerate(effects.T):
        there = found[rows & ~np.isnan(found)]
        if np.isnan(found).all():
            continue
        row = page.locator(f"tr:has(button[data-column='{column}'])")
        mean, _, raises, n = row.locator("td").all_inner_texts()
        assert mean.split()[1] == f"({signed(np.nanmean(found))})"
        assert n == f"{len(there)} of {(~np.isnan(found)).sum()}"
        share = f"{np.floor(100 * (there > 0).mean() + 0.5):.0f}\u00a0%" if len(there) else "–"
        assert raises == share
        assert mean.split()[0] == (signed(there.mean()) if len(there) else "–")
    note = page.locator(".note", has_text="95").inner_text()
    assert f"about the {rows.sum()} utterances that" in note
    page.locator("input[type=search]").fill("nobody said this")
    assert heading.inner_text() == "mean effect (95\u00a0%)"


def test_codes_and_words_have_the_values_of_the_survey(opened, inspector, effects):
    page = opened().page
    for column, found in enumerate(effects.T):
        there = found[~np.isnan(found)]
        row = page.locator(f"tr:has(button[data-column='{column}'])")
        assert row.count() == (len(there) > 0)
        if len(there):
            cells = row.locator("td").all_inner_texts()
            assert float(cells[0].split()[0].replace("−", "-")) == pytest.approx(
                there.mean(), abs=6e-3, rel=2e-3
            )
            assert cells[-1] == str(len(there))
    words = inspector.survey.words
    rows = page.locator(".wordtable tbody tr")
    assert rows.locator("th").all_inner_texts() == words.words[:20]
    assert rows.first.locator("td").first.inner_text() == str(words.said[0])
    titles = rows.first.locator("td[title]").evaluate_all("all => all.map(e => e.title)")
    code = inspector.survey.columns.index(("visual", 2))
    share = f"{round(100 * words.attention[0, code])}\u00a0%"
    assert f"“{words.words[0]}” gives {share} of its attention to face code 2" in titles
    page.locator("[data-table=effect]").click()
    page.locator(".wordtable thead button").first.click()
    page.wait_for_url("**table=effect*")
    assert page.locator(".wordtable thead button[aria-pressed=true]").count() == 1
    page.locator("input[type=search]").fill("great")
    assert rows.locator("th").all_inner_texts() == ["great"]


def table_of(page, what):
    """Return what a button saves as CSV."""
    with page.expect_download() as download:
        page.get_by_label(f"save {what} as CSV").click()
    assert download.value.suggested_filename.endswith(f"_{what}.csv")
    return pd.read_csv(download.value.path(), keep_default_na=False, na_values=[""])


def test_tables_of_all_utterances_are_saved(opened, inspector, effects):
    page = opened().page
    survey, listing = inspector.survey, inspector.listing
    names = [f"{'face' if s == 'visual' else 'voice'}-{c}" for s, c in survey.columns]
    used = ~np.isnan(effects).all(0)

    table = table_of(page, "utterances")
    assert table["id"].tolist() == listing["id"].tolist()
    for column, expected in (
        ("true", listing["label"]),
        ("predicted", listing["prediction"]),
        ("words_alone", listing["words_alone"]),
        ("face", moved_by(inspector, effects, "visual")),
        ("voice", moved_by(inspector, effects, "acoustic")),
    ):
        np.testing.assert_allclose(table[column], expected, atol=1e-3)
    assert table.columns[-used.sum() :].tolist() == list(np.array(names)[used])
    most = np.maximum(abs(table["face"]), abs(table["voice"]))
    least = np.minimum(abs(table["face"]), abs(table["voice"]))
    clear = (most >= 0.1) & (most >= 3 * least)
    who = np.where(clear, np.where(most == abs(table["face"]), "face", "voice"), "")
    assert table["dominates"].fillna("").tolist() == who.tolist()
    found = table[table.columns[-used.sum() :]].to_numpy(float)
    np.testing.assert_allclose(found, effects[:, used], atol=1e-5)

    page.locator("[data-filter=conflict]").click()
    face, voice = (moved_by(inspector, effects, stream) for stream in ("visual", "acoustic"))
    passing = (face * voice < 0) & (np.minimum(abs(face), abs(voice)) >= 0.1)
    assert table_of(page, "utterances")["id"].tolist() == listing["id"][passing].tolist()
    table = table_of(page, "codes")
    assert (table["stream"] + "-" + table["code"].astype(str)).tolist() == table_names(names, used)
    np.testing.assert_allclose(table["effect"], np.nanmean(effects[:, used], axis=0), atol=2e-3)
    assert (table["low"] <= table["effect"]).all()
    assert (table["effect"] <= table["high"]).all()
    raises = (effects[:, used] > 0).sum(0) / table["utterances"]
    np.testing.assert_allclose(table["raises"], raises, atol=1e-4)
    some = effects[passing][:, used]
    raised = (some > 0).sum(0) / np.maximum((~np.isnan(some)).sum(0), 1)
    assert table["filtered_utterances"].tolist() == (~np.isnan(some)).sum(0).tolist()
    there = (table["filtered_utterances"] > 0).to_numpy()
    filtered = np.nanmean(some[:, there], axis=0)
    np.testing.assert_allclose(table["filtered_effect"][there], filtered, atol=1e-4)
    np.testing.assert_allclose(table["filtered_raises"][there], raised[there], atol=1e-4)
    assert table["filtered_effect"][~there].isna().all()

    table = table_of(page, "words")
    words = survey.words
    assert len(table) == len(words.words) * used.sum()
    by_word = table["attention"].to_numpy().reshape(len(words.words), -1)
    np.testing.assert_allclose(by_word, words.attention[:, used], rtol=2e-3, atol=1e-5)
    together = table["utterances_with_code"].to_numpy().reshape(len(words.words), -1)
    assert together.tolist() == words.together[:, used].tolist()
    assert table["said"].tolist() == np.repeat(words.said, used.sum()).tolist()
    assert table["effect"].isna().tolist() == (together.ravel() == 0).tolist()


def table_names(names, used):
    return [name for name, there in zip(names, used, strict=True) if there]


def test_a_large_page_opens_before_all_of_it_is_unpacked(inspector, tmp_path, monkeypatch, opened):
    monkeypatch.setattr(package_of_page, "LARGE", 10)
    inspector.to_html(tmp_path / "page.html", 10)
    data = data_of(tmp_path / "page.html")
    others = [id for id in data["records"] if id != inspector.utterance]
    watch = opened(path=tmp_path / "page.html")
    page = watch.page
    assert page.locator(".codetables tbody tr").count() > 10
    page.get_by_role("tab", name="one utterance").click()
    for id in others[:2]:
        page.locator("input[type=search]").fill(id)
        page.locator(f"[data-id='{id}']").click()
        page.wait_for_url(f"**utterance={id}&find*")
        words = data["records"][id]["words"]
        page.locator(".sentence button", has_text=words[-1]).first.wait_for()
        assert page.locator(".sentence button").all_inner_texts() == words
    page.locator(".whatif summary").click()
    in_full = bool(data["what_ifs"].get(others[1]))
    assert (page.locator(".asking button").count() > 0) == in_full
    # an address that names one of those that are unpacked later, at the start and afterwards
    page = opened(f"#utterance={others[2]}&word=1", path=tmp_path / "page.html").page
    assert page.locator(".sentence button").all_inner_texts() == data["records"][others[2]]["words"]
    assert page.locator(".sentence button[aria-pressed=true]").count() == 1
    page.evaluate(f"location.hash = '#utterance={others[3]}'")
    last = data["records"][others[3]]["words"][-1]
    page.locator(".sentence button", has_text=last).first.wait_for()
    assert watch.errors == []


def test_the_address_holds_what_is_filtered(opened, inspector):
    watch = opened("#show=corpus&only=errors&find=a&table=effect")
    page = watch.page
    assert page.locator("[data-filter=errors]").get_attribute("aria-pressed") == "true"
    assert page.locator("input[type=search]").input_value() == "a"
    assert page.locator("[data-table=effect]").get_attribute("aria-pressed") == "true"
    page.locator("[data-filter=errors]").click()
    page.locator("[data-table=attention]").click()
    page.wait_for_url(f"**#utterance={inspector.utterance}&show=corpus&find=a")
    page.goto("about:blank")
    page.goto(watch.requests[0] + "#show=nonsense&only=nobody&table=chair")
    page.locator(".sentence button").first.wait_for()
    assert watch.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(scheme, opened):
    skip_without_axe()
    page = opened(color_scheme=scheme).page
    load_axe(page)
    states = {
        "at first": lambda: None,
        "a code": lambda: page.locator("button[data-column='3']").click(),
        "effects": lambda: page.locator("[data-table=effect]").click(),
        "filtered": lambda: page.locator("[data-filter=code]").click(),
        "narrow": lambda: page.set_viewport_size({"width": 390, "height": 800}),
        "nothing found": lambda: page.locator("input[type=search]").fill("nobody said this"),
    }
    found = {}
    for state, reach in states.items():
        reach()
        found[state] = violations(page)
    assert {state: some for state, some in found.items() if some} == {}


@pytest.mark.parametrize("width", [390, 320])
def test_it_fits_narrow_pages(width, opened):
    page = opened(viewport={"width": width, "height": 800}).page
    page.locator("[data-filter=conflict]").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    inside = page.locator(".root").evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert inside[0] <= inside[1]


def test_it_prints_white_and_shows_forced_colours(opened):
    page = opened("#show=corpus&find=a", color_scheme="dark").page
    page.locator("[data-filter=conflict]").click()
    assert page.locator(".on-paper").is_hidden()
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_timeout(100)
    assert page.locator(".filters").is_hidden()
    assert page.locator(".on-paper").inner_text() == "Only: face against voice, “a”."
    tables = page.locator(".wordtable table")
    assert tables.count() == 2  # of the face, and below it of the voice
    for table in tables.all():
        assert table.bounding_box()["width"] <= 680
        assert table.locator("thead button").first.is_visible()
    heads = page.locator(".wordtable thead button")
    assert heads.count() == page.locator(".codetables tbody tr").count()
    corner = "c => [...c.getContext('2d').getImageData(c.width - 3, c.height - 3, 1, 1).data]"
    assert page.locator("canvas.scatter").is_visible()
    assert page.locator("canvas.scatter").evaluate(corner)[3] == 0  # the paper shines through
    assert page.locator(".root").evaluate("e => getComputedStyle(e).color") == "rgb(26, 30, 38)"
    page = opened(forced_colors="active").page
    look = "e => getComputedStyle(e).backgroundColor"
    on, off = (page.locator(f"[role=tab][aria-selected={is_}]") for is_ in ("true", "false"))
    assert on.evaluate(look) != off.evaluate(look)


def test_firefox_shows_it_too(exported, tmp_path):
    if firefox_program() is None:
        pytest.skip("there is no Firefox on this machine; install the package 'firefox-esr'")
    with start_firefox(tmp_path) as firefox:
        firefox.open(exported.as_uri() + HERE, 390)
        firefox.ask("new Promise(done => setTimeout(() => done(1), 800))")
        count = f"{INSIDE}.querySelectorAll('.codetables tbody tr').length"
        assert firefox.ask(count) > 10
        assert firefox.ask("document.documentElement.scrollWidth") <= 390
