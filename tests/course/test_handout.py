"""A student's own copy: complete, without answers, and never written over."""

import os
import re
from pathlib import Path

import nbformat
import pytest
from building import NOTEBOOKS

from cenet_lib.__main__ import main
from cenet_lib.course import handout


def files_in(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home") / "my course"
    handout.hand_out(folder)
    return folder


def test_lesson_start_copies_the_notebooks_and_says_how_to_open_them(tmp_path, capsys):
    assert main(["lesson", "start", str(tmp_path / "my course")]) == 0
    first = tmp_path / "my course" / "notebooks" / "01_dataset.ipynb"
    assert first.read_bytes() == (NOTEBOOKS / "01_dataset.ipynb").read_bytes()
    assert f'jupyter lab "{first}"' in capsys.readouterr().out


@pytest.mark.parametrize("held", ["notebooks/01_dataset.ipynb", "thesis.txt"])
def test_work_is_never_written_over(held, tmp_path, capsys):
    (tmp_path / held).parent.mkdir(exist_ok=True)
    (tmp_path / held).write_text("mine")
    before = files_in(tmp_path)
    assert main(["lesson", "start", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(tmp_path) in said
    assert files_in(tmp_path) == before


def test_a_file_in_the_way(tmp_path, capsys):
    (tmp_path / "course").write_text("mine")
    assert main(["lesson", "start", str(tmp_path / "course")]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["lesson", "start"]) == 2
    assert main(["lesson"]) == 2


def test_without_the_notebooks_it_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(handout, "PROJECT", tmp_path)
    assert main(["lesson", "start", str(tmp_path / "course")]) == 2
    assert "take a checkout" in capsys.readouterr().err
    assert not (tmp_path / "course").exists()


def test_a_copy_has_no_answers(copy):
    names = {path.as_posix() for path in files_in(copy)}
    assert {"notebooks/01_dataset.ipynb", "notebooks/GLOSSARY.md", "data/README.md"} <= names
    assert not [name for name in names if re.search("INSTRUCTORS|solutions|source|site/", name)]
    for path in copy.rglob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            assert not re.search("SOLUTION|HIDDEN", cell.source)
    everything = b"".join(files_in(copy).values()).decode("utf-8", "ignore")
    exam = (NOTEBOOKS / "INSTRUCTORS.md").read_text(encoding="utf-8").partition("## Exam")[2]
    questions = re.findall(r"^\*\*\d+\.\*\* \*(.+?)\*$", exam, re.M)
    assert len(questions) > 10
    assert not [question for question in questions if question in everything]


def test_a_copy_begins_with_how_to_open_it(copy):
    page = (copy / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", page, re.M)[:2] == ["Your copy", "Two commands"]
    [command] = re.findall(r"^    jupyter lab (\S+)$", page.partition("## Two")[0], re.M)
    assert (copy / command).is_file()


def test_a_copy_speaks_of_nothing_that_it_lacks(copy):
    page = (copy / "README.md").read_text(encoding="utf-8")
    assert not re.search("INSTRUCTORS|[Ss]olutions|tests/benchmarks|only in the project", page)
    assert "37 exercises with checks that\nanswer. Minutes are" in page
    assert "PROJECT.md](notebooks/PROJECT.md)" in page


def test_links_of_a_copy_hold(copy):
    broken = []
    for path in [*copy.rglob("*.ipynb"), *copy.rglob("*.md")]:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            cells = nbformat.reads(text, as_version=4).cells
            text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            target = link.partition("#")[0]
            if target and ":" not in target and not (path.parent / target).exists():
                broken.append(f"{path.name}: {link}")
    assert broken == []


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no read-only folders of this kind")
def test_a_failed_copy_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(handout.shutil, "copyfile", refuse)
    assert main(["lesson", "start", str(tmp_path / "course")]) == 2
    assert list(Path(tmp_path).iterdir()) == []
