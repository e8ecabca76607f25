"""The reading site: built without a fault, read in a browser without a network, by all who read."""

import functools
import html
import http.server
import io
import re
import threading
from contextlib import redirect_stdout
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from axe import load_axe, skip_without_axe, violations
from building import NOTEBOOKS, build

pytest.importorskip("sphinx")
WIDTHS = (1400, 1000, 700, 390)
CHAPTERS = sorted(path.stem for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "site"
    assert build.main(["--site", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def address(folder):
    """Where a server has the site, as a reader would find it."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def opened(address, watched):
    """Open a page of the site; whatever is not on this machine is refused."""

    def open_page(name, **settings):
        watch = watched(**settings)
        refuse = re.compile(r"^(?!http://127\.0\.0\.1)http")
        watch.context.route(refuse, lambda route: route.abort())
        watch.page.goto(f"{address}/{name}", wait_until="load")
        return watch

    return open_page


class Links(HTMLParser):
    """What a page links to, what it fetches by itself, and the places in it."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        self.places |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("index", "search", "next", "prev"):
            self.fetched.append(given.get("href", ""))
        elif "src" in given:
            self.fetched.append(given["src"])


def test_every_link_leads_somewhere_and_nothing_is_fetched_from_elsewhere(folder):
    pages = {path: Links(path) for path in folder.rglob("*.html")}
    pages = {path: page for path, page in pages.items() if "_static" not in path.parts}
    assert len(pages) > 60
    broken = []
    for path, page in pages.items():
        for link in [*page.links, *page.fetched]:
            parts = urlsplit(link)
            if parts.scheme in ("data", "mailto"):
                continue
            if parts.scheme or parts.netloc:
                if link in page.fetched or parts.scheme != "https":
                    broken.append(f"{path.name}: {link}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file() or not target.is_relative_to(folder):
                broken.append(f"{path.name}: {link}")
            elif target in pages and parts.fragment:
                place = unquote(parts.fragment)
                broken += [] if place in pages[target].places else [f"{path.name}: {link} (place)"]
    assert broken == []


def test_chapters_follow_each_other_with_outputs_and_folded_solutions(folder):
    for number, stem in enumerate(CHAPTERS):
        text = (folder / "notebooks" / f"{stem}.html").read_text(encoding="utf-8")
        if number:
            assert f'href="{CHAPTERS[number - 1]}.html"' in text
        if stem != CHAPTERS[-1]:
            assert f'href="{CHAPTERS[number + 1]}.html"' in text
        checks = (NOTEBOOKS / "source" / f"{stem}.py").read_text(encoding="utf-8").count(" check=")
        assert text.count('<details class="solution">') == checks
        assert "SOLUTION" not in text
        assert "Open in " not in text  # a maintainer has not switched it on
        pictures = re.findall(r'<img alt="([^"]*)"', text)
        assert len(pictures) > 3
        assert min(map(len, pictures)) >= 20
        assert ">●<" not in text
    assert not (folder / "notebooks/INSTRUCTORS.html").exists()


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_need_no_network_and_fit(width, opened):
    for name in ("index", f"notebooks/{CHAPTERS[2]}", "README", "reference/vocabulary"):
        watch = opened(f"{name}.html", viewport={"width": width, "height": 900})
        if "notebooks" in name:
            watch.page.locator("mjx-container svg").first.wait_for()
        root = "document.documentElement"
        assert watch.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0
        assert watch.left_the_machine() == []
        assert [error for error in watch.errors if "favicon" not in error] == []


@pytest.mark.parametrize("chapter", ["06", "08"])
def test_the_inspector_is_alive_in_its_chapter(chapter, opened):
    [stem] = [stem for stem in CHAPTERS if stem.startswith(chapter)]
    watch = opened(f"notebooks/{stem}.html", color_scheme="light")
    frame = watch.page.frame_locator("iframe.live")
    watch.page.locator("iframe.live").scroll_into_view_if_needed()
    frame.locator(".sentence button").first.click()
    assert watch.left_the_machine() == []
    body = frame.locator("body")
    body.evaluate("""() => { const page = document.documentElement;  // all of it is in sight
        return new Promise((done) => setInterval(() =>
            page.scrollHeight <= page.clientHeight && done(), 20)) }""")
    assert body.get_attribute("data-jp-theme-light") == "true"
    for _ in range(3):  # the switch goes round: as the system, light, dark
        watch.page.locator(".theme-toggle:visible").first.click()
        if watch.page.evaluate("document.body.dataset.theme") == "dark":
            break
    assert body.get_attribute("data-jp-theme-light") == "false"
    assert [error for error in watch.errors if "favicon" not in error] == []


def test_search_finds_words_of_notebooks_and_of_the_package(opened):
    page = opened("search.html?q=blendshape").page
    page.locator(".search-summary", has_text="found").wait_for()
    links = page.locator("ul.search li > a")
    found = {re.split("[?#]", link.get_attribute("href"))[0] for link in links.all()}
    wanted = ("notebooks/08_your_own_video", "notebooks/GLOSSARY", "reference/video")
    assert {f"{name}.html" for name in wanted} <= found


def test_a_word_shows_its_meaning_under_pointer_and_keyboard(opened):
    page = opened(f"notebooks/{CHAPTERS[2]}.html", viewport={"width": 390, "height": 800}).page
    word = page.locator("a[data-meaning]").first
    tip = page.locator("[role=tooltip]")
    assert tip.is_hidden()
    word.hover()
    meaning = tip.inner_text()
    assert len(meaning) > 20
    box = tip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    word.focus()
    assert tip.inner_text() == meaning
    assert word.get_attribute("aria-describedby") == tip.get_attribute("id")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_at_four_widths(scheme, opened):
    skip_without_axe()
    found = {}
    for name in ("index", "notebooks/06_results_and_attention", "reference/vocabulary", "search"):
        page = opened(f"{name}.html", color_scheme=scheme).page
        load_axe(page)
        for width in WIDTHS if name.startswith(("index", "notebooks")) else WIDTHS[::3]:
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(100)  # what folds away at a width does so over a moment
            for rule, nodes in violations(page):
                found[name, width, rule] = nodes
    assert found == {}


def test_a_chapter_on_paper(opened):
    page = opened(f"notebooks/{CHAPTERS[2]}.html").page
    page.locator("mjx-container svg").first.wait_for()
    page.emulate_media(media="print")
    for part in (".sidebar-drawer", ".toc-drawer", ".related-pages"):
        assert not page.locator(part).is_visible()
    assert page.locator("article h1").is_visible()
    assert not page.locator("details.solution summary").first.is_visible()
    folded = page.locator("details:not([open]):has(img) img").first  # paper unfolds nothing
    assert folded.evaluate("(image) => image.checkVisibility({ contentVisibilityAuto: true })")
    assert folded.bounding_box()["height"] > 50
    paper = page.pdf(format="A4")
    assert paper.startswith(b"%PDF")
    assert 8 <= len(re.findall(rb"/Type\s*/Page\b", paper)) <= 40


def test_a_folder_of_somebody_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("three years")
    with pytest.raises(build.site.SiteError, match="holds something else than a site"):
        build.main(["--site", str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    """One chapter in Chinese, with links to elsewhere switched on, and its catalogues."""
    folder = tmp_path_factory.mktemp("zh")
    settings = 'repository = "a/b"\nbranch = "main"\nbinder = true\ncolab = true\n'
    (folder / "elsewhere.toml").write_text(settings, encoding="utf-8")
    editions = ["--site", str(folder / "site"), "--catalogues", str(folder / "pot")]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as printed:
        patch.setattr(build.elsewhere, "SETTINGS", folder / "elsewhere.toml")
        assert build.main(["01", *editions, "--language", "zh_CN"]) == 0
    return folder, printed.getvalue()


def test_a_chinese_edition_is_only_text(chinese):
    folder, _ = chinese
    text = (folder / "site" / "index.html").read_text(encoding="utf-8")
    assert '<html class="no-js" lang="zh-CN"' in text
    assert "怎样阅读" in text
    assert '<aside aria-label="所有页面" class="sidebar-drawer' in text
    chapter = (folder / "site" / "notebooks" / "01_dataset.html").read_text(encoding="utf-8")
    assert "<summary>提示</summary>" in chapter
    assert "<summary>参考答案</summary>" in chapter
    assert 'data-meaning="某一时刻对面部或声音的一次测量' in chapter
    assert "on this page" not in chapter.lower()


def test_catalogues_have_all_that_a_reader_reads(chinese):
    folder, printed = chinese
    found = "".join(
        eval(part)
        for path in (folder / "pot").rglob("*.pot")
        for part in re.findall(r'^(?:msgid )?(".*")$', path.read_text(encoding="utf-8"), re.M)
    )
    stored = nbformat.read(NOTEBOOKS / "01_dataset.ipynb", as_version=4)
    outputs = [o for cell in stored.cells for o in cell.get("outputs", []) if "data" in o]
    pages = [output.data.get("text/html", "") for output in outputs]
    alts = [html.unescape(alt) for page in pages for alt in re.findall(r'<img alt="([^"]*)"', page)]
    assert len(alts) > 3
    questions = re.findall(r"<p>([^<]{20,}\?)</p>", "".join(pages))
    assert len(questions) >= 4
    headings = [c.source.splitlines()[0].lstrip("# ") for c in stored.cells if c.source[:2] == "##"]
    assert any(heading.startswith("Exercise") for heading in headings)
    for words in (*alts, *map(html.unescape, questions), *headings, "Hint", "A solution", "Answer"):
        assert words.replace("*", "") in found.replace("*", ""), words
    assert "All pages" in found
    assert re.match(r"zh_CN: \d+ of [\d,]+ sentences are translated$", printed.splitlines()[-1])


def test_a_translation_that_is_out_of_date_is_named_and_kept_for_the_translator(tmp_path):
    words = build.site.words
    words.add(tmp_path / "page.pot", ["A frame is a row.", "Padding costs."])
    (tmp_path / "old.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        'msgid "Padding costs."\nmsgstr "填充有代价。"\n\n'
        'msgid "A frame is a rows."\nmsgstr "一帧是一行。"\n',
        encoding="utf-8",
    )
    names = (tmp_path / name for name in ("page.pot", "old.po", "new.po"))
    assert words.merge(*names) == (2, 1, ["A frame is a rows."])
    assert words.read(tmp_path / "new.po") == {"Padding costs.": "填充有代价。"}
    new = (tmp_path / "new.po").read_text(encoding="utf-8")
    assert re.search(r'#, fuzzy\nmsgid "A frame is a row."\nmsgstr "一帧是一行。"', new)


def test_a_language_without_catalogues(tmp_path):
    with pytest.raises(build.site.SiteError, match="has no folder 'xx'; there is zh_CN"):
        build.main(["01", "--site", str(tmp_path / "xx"), "--language", "xx"])


def test_a_chapter_can_be_opened_elsewhere_if_a_maintainer_wants_it(chinese):
    chapter = (chinese[0] / "site" / "notebooks" / "01_dataset.html").read_text(encoding="utf-8")
    assert 'href="https://mybinder.org/v2/gh/a/b/main?urlpath=lab/tree/notebooks/01' in chapter
    assert 'href="https://colab.research.google.com/github/a/b/blob/colab/01_dataset' in chapter
