"""A quiz per notebook: five questions with their answers behind a fold, also as Moodle XML.

The questions lie in ``notebooks/quiz``, a file per notebook in TOML::

    [[question]]
    text = "What is the mean of 4, 4 and two zeros of padding?"
    right = "4"
    wrong = ["2", "8", "0"]
    why = "Padding is not measured, so it is not averaged."

`quiz` shows them in a notebook, `moodle` writes them for a learning platform.
"""

import hashlib
import html
import tomllib
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from ..errors import CENetError

QUIZZES = Path(__file__).resolve().parents[2] / "notebooks" / "quiz"
_FIELDS = {"text", "right", "wrong", "why"}


class Question(NamedTuple):
    """One question: the right choice, the wrong ones, and why.

    Examples
    --------
    >>> question = Question("Is padding a measurement?", "no", ("yes",), "It never happened.")
    >>> sorted(question.choices())
    ['no', 'yes']
    """

    text: str
    right: str
    wrong: tuple[str, ...]
    why: str

    def choices(self) -> tuple[str, ...]:
        """Return all choices in an order that tells nothing, and is always the same."""
        every = (self.right, *self.wrong)
        key = {one: hashlib.sha256((self.text + one).encode()).hexdigest() for one in every}
        return tuple(sorted(every, key=key.__getitem__))


def questions(name: str) -> list[Question]:
    """Read the questions of a notebook.

    Parameters
    ----------
    name : str
        The notebook's name without its ending, or how it begins, such as ``01``.

    Raises
    ------
    CENetError
        If there is no such quiz, or its file is damaged.

    Examples
    --------
    >>> len(questions("01"))
    5
    """
    found = sorted(QUIZZES.glob(f"{name}*.toml"))
    if len(found) != 1:
        known = ", ".join(sorted(path.stem for path in QUIZZES.glob("*.toml"))) or "none"
        raise CENetError(f"{QUIZZES}: there is no quiz {name!r}; there are: {known}")
    try:
        content = tomllib.loads(found[0].read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CENetError(f"{found[0]}: cannot be read ({error}); fetch the file anew") from error
    return [_question(one, f"{found[0]}: question {i}") for i, one in _numbered(content, found[0])]


def _numbered(content: dict, path: Path) -> list[tuple[int, object]]:
    every = content.get("question")
    if not isinstance(every, list) or not every:
        raise CENetError(f"{path}: has no [[question]]; fetch the file anew")
    return list(enumerate(every, start=1))


def _question(entry: object, where: str) -> Question:
    if not isinstance(entry, dict) or set(entry) != _FIELDS:
        raise CENetError(f"{where}: needs {', '.join(sorted(_FIELDS))}, and nothing else")
    wrong = entry["wrong"]
    texts = [entry["text"], entry["right"], entry["why"], *(wrong if wrong else [""])]
    if not isinstance(wrong, list) or not all(isinstance(t, str) and t.strip() for t in texts):
        raise CENetError(f"{where}: wrong is a list of texts, and all others are texts")
    if len({entry["right"], *wrong}) != 1 + len(wrong):
        raise CENetError(f"{where}: two of its choices are the same")
    return Question(entry["text"], entry["right"], tuple(wrong), entry["why"])


def quiz(name: str) -> None:
    """Show the quiz of a notebook, each answer behind a fold.

    Parameters
    ----------
    name : str
        As for `questions`.

    Examples
    --------
    >>> quiz("no such notebook")
    Traceback (most recent call last):
        ...
    cenet_lib.errors.CENetError: ...: there is no quiz 'no such notebook'; there are: 01_dataset...
    """
    from IPython.display import display  # only in a notebook

    display(as_shown(questions(name)), raw=True)


def as_shown(found: list[Question]) -> dict[str, str]:
    """Return what a notebook shows of questions: a text per kind of display.

    Examples
    --------
    >>> shown = as_shown([Question("Is padding a measurement?", "no", ("yes",), "Never.")])
    >>> "<summary>Answer</summary><p><b>no</b>. Never.</p>" in shown["text/html"]
    True
    """
    return {"text/html": "\n".join(map(_as_html, found)), "text/plain": as_text(found)}


def _as_html(question: Question) -> str:
    items = "".join(f"<li>{html.escape(choice)}</li>" for choice in question.choices())
    answer = f"<b>{html.escape(question.right)}</b>. {html.escape(question.why)}"
    return (
        f"<p>{html.escape(question.text)}</p><ul>{items}</ul>"
        f"<details><summary>Answer</summary><p>{answer}</p></details>"
    )


def as_text(found: list[Question]) -> str:
    """Return questions and choices as plain text, without the answers.

    Examples
    --------
    >>> print(as_text([Question("Is padding a measurement?", "no", ("yes",), "Never.")]))
    1. Is padding a measurement?
       - no
       - yes
    """
    lines = []
    for i, question in enumerate(found, start=1):
        lines += [f"{i}. {question.text}", *(f"   - {choice}" for choice in question.choices())]
    return "\n".join(lines)


def moodle(name: str) -> str:
    """Return the quiz of a notebook in Moodle's XML, as its question bank imports it.

    Parameters
    ----------
    name : str
        As for `questions`.

    Raises
    ------
    CENetError
        As `questions` does.

    Examples
    --------
    >>> print(moodle("01")[:38])
    <?xml version='1.0' encoding='utf-8'?>
    """
    root = ElementTree.Element("quiz")
    category = ElementTree.SubElement(root, "question", type="category")
    _text(ElementTree.SubElement(category, "category"), f"$course$/CENet/notebook {name}")
    for i, question in enumerate(questions(name), start=1):
        _add_question(root, question, f"{name}.{i}")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True).decode() + "\n"


def _add_question(root: ElementTree.Element, question: Question, name: str) -> None:
    node = ElementTree.SubElement(root, "question", type="multichoice")
    _text(ElementTree.SubElement(node, "name"), name)
    _text(ElementTree.SubElement(node, "questiontext", format="html"), html.escape(question.text))
    why = ElementTree.SubElement(node, "generalfeedback", format="html")
    _text(why, html.escape(question.why))
    for tag, value in (("single", "true"), ("shuffleanswers", "true"), ("defaultgrade", "1")):
        ElementTree.SubElement(node, tag).text = value
    for choice in question.choices():
        fraction = "100" if choice == question.right else "0"
        answer = ElementTree.SubElement(node, "answer", fraction=fraction, format="html")
        _text(answer, html.escape(choice))


def _text(parent: ElementTree.Element, content: str) -> None:
    ElementTree.SubElement(parent, "text").text = content
