"""The inspector's page, put together from its files.

The page is written as ES modules, one idea each, which linters and type checkers understand. A
browser gets one text: a notebook's widget is one module, and an exported page makes no requests.
So the modules are joined in an order in which each stands below those that it imports; what they
import from each other is then in scope, and the lines that say so go. No bundler is needed.
"""

import base64
import gzip
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
LARGE = 1_000_000  # characters; the data of larger pages are compressed
_OF_EACH = ("records", "effects", "what_ifs")  # the parts that a page has of each utterance
MODULES = (
    *("paper", "dom", "colours", "theme", "records", "shelf", "art", "film", "data", "time"),
    *("scene", "survey", "model", "look", "looked"),
    *("several", "models"),
    *("taken", "changes", "clock", "store", "list", "effects", "reading", "plot", "telling"),
    *("mesh", "pictures", "filmview"),
    *("heat", "voice", "strip", "marking", "gestures", "panel", "brush", "csv", "saving", "maps"),
    *("profile", "changemap", "asking", "whatif", "layers"),
    *("corpuscsv", "scatter", "codetable", "wordtable", "corpusview", "refine"),
    *("heading", "address", "exported", "packed", "wiring"),
)
RECORDER = ("paper", "dom", "colours", "theme", "camera", "take", "recorder")
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./\w+\.js";\n', re.MULTILINE)
_STYLE = re.compile(r'^import (\w+) from "\./(\w+\.css)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default )", re.MULTILINE)


def page_module(modules: Sequence[str] = MODULES) -> str:
    """Return a page as one JavaScript module, whose default export is an anywidget.

    Parameters
    ----------
    modules : sequence of str
        ``MODULES``, the inspector: the function ``mount(element, data)`` in its scope shows an
        exported page; or ``RECORDER``.

    Examples
    --------
    >>> page_module().rstrip().endswith("export default { render };")
    True
    """
    return "\n".join(_joinable(_read(f"{name}.js")) for name in modules)


def page_html(data: Mapping) -> str:
    """Return one HTML file that shows records without kernel and network.

    Parameters
    ----------
    data : mapping
        ``corpus``, and by id of the utterance ``records`` and ``effects``; and ``state``: the
        ``utterance``, ``word``, ``code`` and ``view`` to begin with.

    Examples
    --------
    >>> page = page_html({"corpus": {"name": "<mine>"}})
    >>> "u003cmine>" in page, "<mine>" in page
    (True, False)
    """
    # "<" as an escape: no text of a corpus can end the script element or begin another one. So is
    # half of a surrogate pair, for which UTF-8 has no bytes.
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text = re.sub("[<\u2028\u2029\ud800-\udfff]", lambda c: f"\\u{ord(c[0]):04x}", text)
    if len(text) > LARGE and "packed" not in data:
        text = _packed(data)
    before, _, after = _read("page.html").partition("@DATA@")
    return before + text + after.replace("@MODULE@", page_module())


def page_data(page: str) -> dict[str, Any]:
    """Return the data that a page of `page_html` holds; if it holds them packed, as they are.

    The data give the same page again, with the code of the page as it is now.

    Examples
    --------
    >>> page_data(page_html({"corpus": {"name": "<mine>"}}))
    {'corpus': {'name': '<mine>'}}
    """
    data: dict[str, Any] = json.loads(page.split('id="data">')[1].split("</script>")[0])
    return data


def _packed(data: Mapping) -> str:
    """Return the same, but for the films, in a third of the room: the page unpacks it.

    What the page shows first is by itself, so that it need not wait for the other utterances.
    """
    others = others_of(data)
    rest = "\n".join(line_of(data, id) for id in others)
    both = {"packed": first_part(data), "rest": rest}
    packed = {
        name: base64.b64encode(compressed(text)).decode("ascii") for name, text in both.items()
    }
    return json.dumps({**packed, "films": data.get("films", {})}, separators=(",", ":"))


def others_of(data: Mapping) -> list[str]:
    """Return the ids of the utterances with which a page does not begin.

    Examples
    --------
    >>> others_of({"records": {"a": 1, "b": 2}, "state": {"utterance": "a"}})
    ['b']
    """
    start = data.get("state", {}).get("utterance")
    return [id for id in data.get("records", {}) if id != start]


def first_part(data: Mapping) -> str:
    """Return what a page shows first, as JSON: all but its films and the other utterances.

    Examples
    --------
    >>> first_part({"records": {"a": 1, "b": 2}, "state": {"utterance": "a"}})
    '{"records":{"a":1},"state":{"utterance":"a"},"others":["b"]}'
    """
    others = others_of(data)
    gone = set(others)
    first = {
        name: {id: one for id, one in part.items() if id not in gone} if name in _OF_EACH else part
        for name, part in data.items()
        if name != "films"
    }
    return _compact({**first, "others": others})


def line_of(data: Mapping, id: str) -> str:
    """Return what a page has of an utterance, as JSON.

    Examples
    --------
    >>> line_of({"records": {"a": 1}, "effects": {"a": 3}, "what_ifs": {}}, "a")
    '[1,3,null]'
    """
    return _compact([data[name].get(id) for name in _OF_EACH])


def _compact(value: Any) -> str:
    """Return JSON in ASCII, with six decimals of each number, which is more than anybody reads."""
    return json.dumps(_rounded(value), allow_nan=False, separators=(",", ":"))


def compressed(text: str) -> bytes:
    """Return a text in ASCII as the page unpacks it; the same text gives the same bytes.

    Examples
    --------
    >>> gzip.decompress(compressed("[1,3,null]"))
    b'[1,3,null]'
    """
    return gzip.compress(text.encode("ascii"), mtime=0)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, Mapping):
        return {name: _rounded(part) for name, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list | tuple) else value


def _joinable(module: str) -> str:
    """Return a module's text without imports and exports, and with the style that it imports."""
    module = _IMPORT.sub("", module)
    module = _STYLE.sub(lambda line: f"const {line[1]} = {json.dumps(_read(line[2]))};", module)
    return _EXPORT.sub("", module)


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
