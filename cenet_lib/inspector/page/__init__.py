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
_LARGE = 1_000_000  # characters; the data of larger pages are compressed
MODULES = (
    *("paper", "dom", "colours", "theme", "records", "art", "film", "data", "time", "scene"),
    *("survey", "model", "look", "looked"),
    *("several", "models"),
    *("taken", "changes", "clock", "store", "list", "effects", "reading", "plot", "telling"),
    *("mesh", "pictures", "filmview"),
    *("heat", "voice", "strip", "marking", "gestures", "panel", "brush", "saving", "maps"),
    *("profile", "changemap", "asking", "whatif", "layers"),
    *("scatter", "codetable", "wordtable", "corpusview", "refine"),
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
    if len(text) > _LARGE:
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
    """Return the same, but for the films, in a third of the room: page.html unpacks it."""
    films = data.get("films", {})
    rest = {name: _rounded(part) for name, part in data.items() if name != "films"}
    text = json.dumps(rest, allow_nan=False, separators=(",", ":"))  # in ASCII
    packed = base64.b64encode(gzip.compress(text.encode("ascii"), mtime=0)).decode("ascii")
    return json.dumps({"packed": packed, "films": films}, separators=(",", ":"))


def _rounded(value: Any) -> Any:
    """Return the same with six decimals of each number, which is more than anybody reads."""
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
