"""Links to computers of somebody else: off at first, and all from one setting."""

import ast
import re

import nbformat
import pytest
from building import NOTEBOOKS, build
from IPython.core.inputtransformer2 import TransformerManager

elsewhere = build.elsewhere
ON = 'repository = "a/b"\nbranch = "main"\nbinder = true\ncolab = true\n'


@pytest.fixture
def switched(tmp_path, monkeypatch):
    """Work with a README and settings of its own; call it to write settings."""

    def switch(settings: str) -> None:
        (tmp_path / "elsewhere.toml").write_text(settings, encoding="utf-8")

    for name in ("SETTINGS", "README"):
        copy = tmp_path / getattr(elsewhere, name).name
        copy.write_bytes(getattr(elsewhere, name).read_bytes())
        monkeypatch.setattr(elsewhere, name, copy)
    return switch


def test_it_is_off_and_the_readme_says_nothing_of_it():
    assert elsewhere.settings()[2:] == (False, False)
    assert elsewhere.links("01_dataset") == []
    readme = elsewhere.README.read_text(encoding="utf-8")
    assert elsewhere.PLACE.search(readme)
    assert not re.search(r"mybinder|colab\.research", readme)


def test_the_readme_gets_its_links_and_loses_them_again(switched, capsys):
    off = elsewhere.SETTINGS.read_text(encoding="utf-8")
    before = elsewhere.README.read_bytes()
    switched(ON)
    assert build.main(["--links"]) == 0
    readme = elsewhere.README.read_text(encoding="utf-8")
    chapters = sorted(path.stem for path in NOTEBOOKS.glob("0*.ipynb"))
    for stem in chapters:
        assert f"/v2/gh/a/b/main?urlpath=lab/tree/notebooks/{stem}.ipynb)" in readme
        assert f"(https://colab.research.google.com/github/a/b/blob/colab/{stem}.ipynb)" in readme
    assert "its links are new" in capsys.readouterr().out
    assert build.main(["--links"]) == 0
    assert "as they were" in capsys.readouterr().out
    switched(off)
    assert build.main(["--links"]) == 0
    assert elsewhere.README.read_bytes() == before


def test_a_chapter_for_colab_fetches_the_course_and_has_no_relative_links(switched, tmp_path):
    switched(ON)
    assert build.main(["01", "--colab", str(tmp_path / "colab")]) == 0
    [path] = (tmp_path / "colab").iterdir()
    chapter = nbformat.read(path, as_version=4)
    nbformat.validate(chapter)
    install = chapter.cells[2].source
    assert "https://github.com/a/b" in install
    ast.parse(TransformerManager().transform_cell(install))
    assert "save a copy" in chapter.cells[1].source
    text = "\n".join(c.source for c in chapter.cells if c.cell_type == "markdown")
    assert "https://github.com/a/b/blob/main/notebooks/GLOSSARY.md#frame" in text
    assert "![" in text
    assert "(https://github.com/a/b/raw/main/notebooks/images/data_flow.svg)" in text
    assert "(https://colab.research.google.com/github/a/b/blob/colab/02_kmeans" in text
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", text))
    assert [target for target in targets if not target.startswith(("https:", "#"))] == []


def test_with_colab_off_there_is_nothing_to_write(tmp_path, capsys):
    assert build.main(["01", "--colab", str(tmp_path / "colab")]) == 0
    assert "Colab is off" in capsys.readouterr().out
    assert not (tmp_path / "colab").exists()


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (ON.replace("a/b", ""), "owner/name"),
        (ON.replace("a/b", "https://github.com/a/b"), "owner/name"),
        (ON + "jupyterhub = true\n", "unknown or missing: jupyterhub"),
        (ON.replace("colab = true\n", ""), "unknown or missing: colab"),
    ],
)
def test_settings_that_cannot_be_followed(settings, complaint, switched):
    switched(settings)
    before = elsewhere.README.read_bytes()
    with pytest.raises(elsewhere.ElsewhereError, match=complaint):
        build.main(["--links"])
    assert elsewhere.README.read_bytes() == before
