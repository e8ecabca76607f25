"""Make the notebooks from their sources.

    python notebooks/build.py                  all of them, executed
    python notebooks/build.py 02_kmeans        those whose name begins so
    python notebooks/build.py --check          say what is out of date; execute nothing
    python notebooks/build.py --fast           try them on little data; write nothing
    python notebooks/build.py --site [FOLDER]  make the reading site (build/site), also in another
                                               language: --language zh_CN
    python notebooks/build.py --pdf FILE       print the course: all chapters in one file
    python notebooks/build.py --catalogues FOLDER
                                               write the sentences of the site for translators;
                                               with --language, also what is translated so far
    python notebooks/build.py --quiz FOLDER    write the quizzes as Moodle imports them
    python notebooks/build.py --slides FOLDER  make the slides of the two lectures
    python notebooks/build.py --course FOLDER  what students get: no sources, solutions, answers
    python notebooks/build.py --links          write links to Binder and Colab into the README, as
                                               site/elsewhere.toml says
    python notebooks/build.py --colab FOLDER   chapters that install the course by themselves
    python notebooks/build.py --nbgrader FOLDER
                                               lay out a course folder for nbgrader
    python notebooks/build.py --mend-submissions COURSE
                                               let nbgrader grade students who copied an exercise

A source, ``source/NN_name.py``, is a script in jupytext's percent format. Each gives

- ``NN_name.ipynb`` for the student, with what stands between ``### BEGIN SOLUTION`` and
  ``### END SOLUTION`` replaced by ``...``;
- ``solutions/NN_name.ipynb`` with the solutions.

``--nbgrader`` writes the solved ones, of which nbgrader makes the students' itself.

An exercise is a Markdown cell that starts with a heading such as
``### Exercise 1.2 · Title · ★★☆ · 5 minutes · 2 points``; a code cell ``# %% exercise="its_name"``
with the marked solution; and a code cell ``# %% check="its_name"`` that calls
``check("its_name", answer)``. The marks become nbgrader's metadata. Points are given by
``nbgrader_config.py``, in a process of its own and on cases of its own.

A student who copies an exercise cell copies its marks too, and nbgrader stops at the second one:
for everybody. ``--mend-submissions`` takes the marks off all copies but one, in the notebooks at
``COURSE/submitted/<student>/<assignment>``; it changes no cell's text.
"""

import argparse
import functools
import hashlib
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

from cenet_lib.course.handout import hand_out
from cenet_lib.course.quiz import as_shown, moodle, questions
from cenet_lib.errors import CENetError
from cenet_lib.files import atomic_file, write_json
from cenet_lib.inspector.page import page_data

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # also where a test loads this file

from editions import elsewhere, paper, site, slides

SOURCES = HERE / "source"
SOLUTIONS = HERE / "solutions"
STUB = "...  # your code here"
HEADING = re.compile(
    r"^### Exercise (\d\.\d) · .+ · ([★☆]{3}) · (\d+) minutes? · (\d+) points?$", re.M
)
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION$", re.M | re.S)
TOOLS = shutil.ignore_patterns("*.py", "*.json", "thumbnail_*")  # among the pictures
LANGUAGE = {"file_extension": ".py", "name": "python"}
LINK = re.compile(r"(\]\()(?!https?:|#|\d\d_\w+\.ipynb)")  # a solution links to solutions


class BuildError(Exception):
    """A source breaks a rule; the message says where."""


KNOWN = (BuildError, CENetError, elsewhere.ElsewhereError, site.SiteError, slides.SlidesError)


def read_source(path: Path) -> nbformat.NotebookNode:
    """Return the solved notebook, without outputs, that a source describes.

    Raises
    ------
    BuildError
        If an exercise lacks its heading, its solution or its check.
    """
    notebook = jupytext.read(path, fmt="py:percent")
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.from_dict({"kernelspec": kernel, "language_info": LANGUAGE})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    _mark_exercises(notebook, path.name)
    _name_cells(notebook)
    return notebook


def _mark_exercises(notebook: nbformat.NotebookNode, source: str) -> None:
    """Turn the marks of exercises and checks into nbgrader's."""
    points, waiting = None, None  # of the exercise whose cells have not come yet
    for cell in notebook.cells:
        where = f"{source}: {cell.source.splitlines()[0] if cell.source else 'an empty cell'}"
        heading = HEADING.search(cell.source) if cell.cell_type == "markdown" else None
        if cell.source.startswith("### Exercise") and heading is None:
            raise BuildError(f"{where}: the heading is not as build.py describes it")
        if heading:
            points = int(heading[4])
        name, checked = cell.metadata.pop("exercise", None), cell.metadata.pop("check", None)
        if name:
            if points is None or waiting or not SOLUTION.search(cell.source):
                raise BuildError(f"{where}: {name} lacks its heading or a marked solution")
            cell.metadata["nbgrader"] = _nbgrader(name, solution=True)
            waiting = name
        elif checked:
            call = f'check("{checked}", '
            if checked != waiting or not cell.source.startswith(call):
                raise BuildError(f"{where}: expected the check of {waiting}, as {call}answer)")
            cell.metadata["nbgrader"] = _nbgrader(f"{checked}_check", points=points)
            points = waiting = None
    if waiting or points is not None:
        raise BuildError(f"{source}: the last exercise lacks its cells")


def _nbgrader(grade_id: str, *, solution: bool = False, points: int | None = None) -> dict:
    """Return nbgrader's metadata of a cell: of a solution, or of a locked test worth points."""
    metadata = {
        "grade": not solution,
        "grade_id": grade_id,
        "locked": not solution,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    return metadata if solution else {**metadata, "points": points}


def _name_cells(notebook: nbformat.NotebookNode) -> None:
    """Give each cell an id that depends on nothing but its source."""
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        digest = hashlib.sha256(cell.source.encode()).hexdigest()[:12]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def for_students(solved: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a copy without solutions."""
    notebook = nbformat.from_dict(solved)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = SOLUTION.sub(rf"\1{STUB}", cell.source)
    return notebook


def for_solutions_folder(solved: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a copy whose links lead out of the folder ``solutions``."""
    notebook = nbformat.from_dict(solved)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(r"\1../", cell.source)
    return notebook


def versions(source: Path) -> dict[Path, nbformat.NotebookNode]:
    """Return the notebooks of one source, not executed, under the paths where they belong."""
    solved = read_source(source)
    name = f"{source.stem}.ipynb"
    return {
        HERE / name: for_students(solved),
        SOLUTIONS / name: for_solutions_folder(solved),
    }


def execute(notebook: nbformat.NotebookNode, folder: Path, *, fast: bool = False) -> None:
    """Run a notebook top to bottom in ``folder``; keep its outputs, drop what changes by itself.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell raises.
    """
    with tempfile.TemporaryDirectory(prefix="cenet-ipython-") as private:
        environment = {
            **os.environ,
            "IPYTHONDIR": private,  # no history and no start-up files of whoever builds
            "TQDM_DISABLE": "1",
            "CENET_FAST": "1" if fast else "0",
            "CENET_PROGRESS": private,  # whoever builds is no student
        }
        client = NotebookClient(
            notebook,
            timeout=900,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
        )
        # nbclient sends what a widget shows back to the kernel, past the event loop that waits for
        # the kernel's replies; now and then a reply is then missed for ever. Without its widgets,
        # the pictures go where every other output goes: to the cell.
        client.widget_registry = {}
        client.execute(env=environment)
    _tidy(notebook)


def _tidy(notebook: nbformat.NotebookNode) -> None:
    """Drop what an execution leaves and what differs from one to the next."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = nbformat.from_dict(LANGUAGE)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        outputs: list[nbformat.NotebookNode] = []
        for output in cell.outputs:
            if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
                continue  # without a kernel it would be an error message
            before = outputs[-1].get("name") if outputs else None
            if output.output_type == "stream" and output.name == before:
                outputs[-1].text += output.text  # how a stream is cut into pieces is chance
            else:
                outputs.append(output)
        cell.outputs = outputs


def build(source: Path) -> None:
    """Execute and write both notebooks of a source, and its inspector's data for the site."""
    for path, notebook in versions(source).items():
        begin = time.perf_counter()
        path.parent.mkdir(exist_ok=True)
        if source.stem in site.LIVE and path.parent == HERE:
            _execute_and_keep_data(notebook, source.stem)
        else:
            execute(notebook, path.parent)
        path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")
        seconds, size = time.perf_counter() - begin, path.stat().st_size / 1e3
        print(f"{path.relative_to(HERE)}: {seconds:.0f} s, {size:.0f} kB", flush=True)


def _execute_and_keep_data(notebook: nbformat.NotebookNode, stem: str) -> None:
    """Execute a notebook, and keep what the site's page of its inspector shows."""
    place = 1 + _last_that_shows_the_inspector(notebook)
    with tempfile.TemporaryDirectory(prefix="cenet-page-") as folder:
        page = Path(folder) / "page.html"
        export = f"inspector.to_html({str(page)!r}, {site.LIVE[stem].utterances})"
        notebook.cells.insert(place, nbformat.v4.new_code_cell(export))
        execute(notebook, HERE)
        write_json(site.data_file(stem), page_data(page.read_text(encoding="utf-8")))
    del notebook.cells[place]
    for count, cell in enumerate(c for c in notebook.cells if c.cell_type == "code"):
        _number(cell, count + 1)


def _last_that_shows_the_inspector(notebook: nbformat.NotebookNode) -> int:
    return max(i for i, cell in enumerate(notebook.cells) if cell.source.endswith("\ninspector"))


def _number(cell: nbformat.NotebookNode, count: int) -> None:
    """Give an executed cell its number, as if no other cell had been run between."""
    cell.execution_count = count
    for output in cell.outputs:
        if output.output_type == "execute_result":
            output.execution_count = count


def try_out(source: Path) -> None:
    """Execute both notebooks of a source on little data; write nothing."""
    for path, notebook in versions(source).items():
        begin = time.perf_counter()
        execute(notebook, HERE, fast=True)
        print(f"{path.relative_to(HERE)}: {time.perf_counter() - begin:.0f} s", flush=True)


def drift(source: Path) -> list[str]:
    """Say in what way the notebooks on disk are not those of the source."""
    found = []
    for path, fresh in versions(source).items():
        where = path.relative_to(HERE)
        if not path.is_file():
            found.append(f"{where}: is missing")
            continue
        stored = nbformat.read(path, as_version=4)
        if len(stored.cells) != len(fresh.cells):
            found.append(f"{where}: has {len(stored.cells)} cells, its source {len(fresh.cells)}")
        for number, (old, new) in enumerate(zip(stored.cells, fresh.cells)):
            if (old.cell_type, old.source, old.metadata) != (
                new.cell_type,
                new.source,
                new.metadata,
            ):
                found.append(f"{where}: cell {number} is not as in its source")
                break
        counts = [cell.execution_count for cell in stored.cells if cell.cell_type == "code"]
        if counts != list(range(1, len(counts) + 1)):
            found.append(f"{where}: was not executed from top to bottom")
        if as_shown(questions(source.stem)) not in _displays(stored):
            found.append(f"{where}: does not show the questions of quiz/{source.stem}.toml")
    return found


def _displays(notebook: nbformat.NotebookNode) -> list[dict[str, str]]:
    """Return what the cells of a notebook have displayed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [dict(output.data) for output in outputs if output.output_type == "display_data"]


def lay_out_course(sources: list[Path], folder: Path) -> None:
    """Write a course folder for nbgrader: one assignment per notebook, and its settings."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "nbgrader_config.py", folder)
    key = folder / "grading.key"
    if not key.exists():  # grades that were given must stay as they are
        key.touch(mode=0o600)  # students may have accounts on the same machine
        key.write_text(secrets.token_hex(16) + "\n", encoding="ascii")
    for source in sources:
        assignment = folder / "source" / source.stem
        assignment.mkdir(parents=True, exist_ok=True)
        nbformat.write(read_source(source), assignment / f"{source.stem}.ipynb")
        shutil.copytree(HERE / "images", assignment / "images", ignore=TOOLS, dirs_exist_ok=True)
        for page in HERE.glob("*.md"):
            if page.name not in ("INSTRUCTORS.md", "CLASS_CORPUS.md"):
                shutil.copy(page, assignment)
        print(f"source/{source.stem}: ready for nbgrader generate_assignment {source.stem}")


def write_quizzes(sources: list[Path], folder: Path) -> None:
    """Write the quiz of each notebook as a file of Moodle's question bank."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        with atomic_file(folder / f"{source.stem}.xml") as temporary:
            temporary.write_text(moodle(source.stem), encoding="utf-8")
    print(f"{len(sources)} files for Moodle: question bank, import, Moodle XML format")


def write_course(folder: Path) -> None:
    """Write what students get."""
    print(f"{folder}: {len(hand_out(folder))} notebooks for students")


def write_colab(sources: list[Path], folder: Path) -> None:
    """Write the chapters as Google Colab opens them, if that is switched on."""
    stored = {
        source.stem: nbformat.read(HERE / f"{source.stem}.ipynb", as_version=4)
        for source in sources
    }
    written = elsewhere.write_colab(folder, stored)
    print(f"{folder}: {len(written)} chapters" if written else "Colab is off: nothing to write")


def write_links(sources: list[Path]) -> None:
    """Write the README's links to places where a chapter can be opened."""
    changed = elsewhere.write_into_readme([source.stem for source in sources])
    print("README.md: its links are new" if changed else "README.md: its links are as they were")


def mend_submissions(course: Path) -> tuple[list[str], list[str]]:
    """Take nbgrader's marks off copied cells in all that students handed in.

    Returns
    -------
    mended : list of str
        What was changed, a line for each copied exercise.
    broken : list of str
        The files that are no notebooks, each with the reason; they are left as they are.

    Raises
    ------
    BuildError
        If there is no folder of submissions.
    """
    if not (course / "submitted").is_dir():
        raise BuildError(f"{course}: has no folder 'submitted'; give the course folder of nbgrader")
    mended, broken = [], []
    for path in sorted((course / "submitted").glob("*/*/*.ipynb")):
        where = path.relative_to(course)
        try:
            notebook = nbformat.read(path, as_version=4)
            found = _unmark_copies(notebook)
            if found:
                with atomic_file(path) as temporary:
                    nbformat.write(notebook, temporary)
        except Exception as error:  # what a student hands in can fail in any way
            reason = " ".join(str(error).split())[:120]
            broken.append(f"{where}: is no notebook ({reason}); ask for it again, or move it away")
        else:
            mended += [f"{where}: {line}" for line in found]
    return mended, broken


def _unmark_copies(notebook: nbformat.NotebookNode) -> list[str]:
    """Leave one cell of each name with its marks; say which were copied."""
    named: dict[str, list[nbformat.NotebookNode]] = {}
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name:
            named.setdefault(name, []).append(cell)
        else:  # what nbgrader itself leaves of a copy, and then refuses
            cell.metadata.pop("nbgrader", None)
    copied = {name: cells for name, cells in named.items() if len(cells) > 1}
    for cells in copied.values():
        kept = _last_answer(cells)
        for cell in cells:
            if cell is not kept:
                del cell.metadata["nbgrader"]
    return [f"{name} stood there {len(cells)} times" for name, cells in copied.items()]


def _last_answer(cells: list[nbformat.NotebookNode]) -> nbformat.NotebookNode:
    """Return the last cell that was written into, or the last one if none was."""
    written = [cell for cell in cells if STUB not in cell.source]
    return (written or cells)[-1]


def main(arguments: list[str] | None = None) -> int:
    """Build, check, try or lay out; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.mend_submissions:
        mended, broken = mend_submissions(options.mend_submissions)
        print("\n".join([*mended, *broken]) or "nothing to mend")
        return 1 if broken else 0
    wanted = tuple(options.names)
    sources = [p for p in sorted(SOURCES.glob("*.py")) if not wanted or p.stem.startswith(wanted)]
    if not sources:
        parser.error(f"no source begins with {' or '.join(wanted)}")
    if _write_editions(sources, options):
        return 0
    if options.check:
        found = [line for source in sources for line in drift(source)]
        print("\n".join(found) or "nothing is out of date")
        return 1 if found else 0
    for source in sources:
        if options.fast:
            try_out(source)
        else:
            build(source)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="beginnings of names; all if left out")
    parser.add_argument("--check", action="store_true", help="say what is out of date")
    parser.add_argument("--fast", action="store_true", help="try on little data, write nothing")
    parser.add_argument(
        "--site", type=Path, nargs="?", const=site.DEST, metavar="FOLDER", help="make the site"
    )
    parser.add_argument("--language", default="en", help="of the site; catalogues in site/locale")
    parser.add_argument("--pdf", type=Path, metavar="FILE", help="all chapters on paper")
    parser.add_argument("--catalogues", type=Path, metavar="FOLDER", help="for translators")
    parser.add_argument("--quiz", type=Path, metavar="FOLDER", help="write Moodle's XML")
    parser.add_argument("--slides", type=Path, metavar="FOLDER", help="of the two lectures")
    parser.add_argument("--course", type=Path, metavar="FOLDER", help="what students get")
    parser.add_argument("--colab", type=Path, metavar="FOLDER", help="chapters for Colab, if on")
    parser.add_argument("--links", action="store_true", help="write the README's to Binder, Colab")
    parser.add_argument("--nbgrader", type=Path, metavar="FOLDER", help="lay out for nbgrader")
    parser.add_argument("--mend-submissions", type=Path, metavar="COURSE", help="see above")
    return parser


def _write_editions(sources: list[Path], options: argparse.Namespace) -> bool:
    """Write what was asked for beside the notebooks; tell whether anything was."""

    @functools.cache
    def solved() -> dict[str, nbformat.NotebookNode]:
        return {source.stem: read_source(source) for source in sources}

    writers: dict[str, Callable[[Path], None]] = {
        "site": lambda folder: site.build(folder, solved(), options.language),
        "pdf": lambda file: paper.build(file, solved()),
        "catalogues": lambda folder: site.extract(folder, solved(), options.language),
        "quiz": lambda folder: write_quizzes(sources, folder),
        "slides": slides.build,
        "course": write_course,
        "colab": lambda folder: write_colab(sources, folder),
        "links": lambda _: write_links(sources),
        "nbgrader": lambda folder: lay_out_course(sources, folder),
    }
    wanted = [name for name in writers if getattr(options, name)]
    for name in wanted:
        writers[name](getattr(options, name))
    return bool(wanted)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KNOWN as error:
        sys.exit(f"error: {error}")
