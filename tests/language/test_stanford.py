"""The Stanford tagger, with a stand-in for the ``java`` command: its jar cannot be had here.

The stand-in speaks as the jar does to NLTK's wrapper: it takes the same options, reads the file of
words and prints one line of ``word_TAG`` per sentence. The jar itself was never tried.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cenet_lib import Corpus, Utterance
from cenet_lib.__main__ import main
from cenet_lib.errors import CENetError
from cenet_lib.language.annotators import StanfordAnnotator, annotate_corpus, pos_id
from cenet_lib.language.stanford import StanfordTagger

MODEL = "english-bidirectional-distsim.tagger"
JAVA = """#!{python}
import json, sys

given = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(json.dumps(given) + "\\n")
options = dict(zip(given, given[1:]))
assert "edu.stanford.nlp.tagger.maxent.MaxentTagger" in given
assert options["-tokenize"] == "false"
assert options["-outputFormatOptions"] == "keepEmptySentences"
assert open(options["-cp"]).read() == "jar" and open(options["-model"]).read() == "model"
TAGS = {{"good": "JJ", "is": "VBZ", "very": "RB", "film": "NN", "a": "DT", "I": "PRP"}}
with open(options["-textFile"], encoding=options["-encoding"]) as file:
    lines = file.read().split("\\n")
out = open(1, "w", encoding="utf-8", closefd=False)
print("Loading POS tagger ...", file=sys.stderr)
for line in lines:
    out.write(" ".join(f"{{w}}_{{TAGS.get(w, 'NN')}}" for w in line.split(" ")) + "\\n")
"""


@pytest.fixture
def home(tmp_path_factory, monkeypatch):
    """A home folder in which NLTK may run a program.

    It runs none that another user could have put there, and the folder of temporary files, where
    tests lie, is open to all.
    """
    monkeypatch.setattr(
        "nltk.pathsec.spawn_trusted",
        lambda program, arguments, **options: subprocess.Popen([program, *arguments], **options),
    )
    place = tmp_path_factory.mktemp("home").resolve()
    for name in ("CENET_STANFORD", "CLASSPATH", "STANFORD_MODELS"):
        monkeypatch.delenv(name, raising=False)
    return place


@pytest.fixture
def folder(home):
    """The tagger's folder: jar and model."""
    place = home / "stanford"
    (place / "models").mkdir(parents=True)
    (place / "stanford-postagger.jar").write_text("jar")
    (place / "models" / MODEL).write_text("model")
    for path in place.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return place


def put_java(home, monkeypatch, program=JAVA):
    """Let NLTK find a stand-in for java; return the file of what it was called with."""
    log = home / "calls"
    java = home / "bin" / "java"
    java.parent.mkdir(exist_ok=True)
    java.write_text(program.format(python=sys.executable, log=str(log)), encoding="utf-8")
    java.chmod(0o755)
    for name in ("JAVA_HOME", "JAVAHOME"):
        monkeypatch.setenv(name, str(java.parent))
    return log


@pytest.fixture
def java(home, monkeypatch):
    return put_java(home, monkeypatch)


def calls(log):
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def test_one_process_for_all_sentences(folder, java):
    tagger = StanfordTagger(folder)
    sentences = [["a", "very", "good", "film"], [], ["I", "is"], ["good"]]
    assert tagger.tag(sentences) == [["DT", "RB", "JJ", "NN"], [], ["PRP", "VBZ"], ["JJ"]]
    (call,) = calls(java)
    assert call[call.index("-cp") + 1] == str(folder / "stanford-postagger.jar")
    assert call[call.index("-model") + 1] == str(folder / "models" / MODEL)
    assert tagger.tag([]) == []
    assert tagger.tag([[]]) == [[]]
    assert tagger.tag([["good"], ["I", "is"]]) == [["JJ"], ["PRP", "VBZ"]]
    assert len(calls(java)) == 1  # nothing new to tag, no process


@pytest.mark.parametrize(
    "word",
    [
        *("New York", "a\tb", "a\nb", "a\u00a0b", "a\u3000b", "a\u2028b", "a\x1bb", "a_b", "_"),
        *("a\u200bb", "\ud83d", "50_%", "gut\x85", "/", "@", "-", "…", "愛", "a\x00b"),
    ],
)
def test_any_word_is_one_token(word, folder, java):
    assert StanfordTagger(folder).tag([["good", word, "is"]]) == [["JJ", "NN", "VBZ"]]


def test_the_folder_from_the_environment(folder, java, monkeypatch):
    monkeypatch.setenv("CENET_STANFORD", str(folder))
    assert StanfordTagger().tag([["good"]]) == [["JJ"]]
    monkeypatch.setenv("CENET_STANFORD", "/elsewhere")
    assert StanfordTagger(folder).tag([["good"]]) == [["JJ"]]  # the option comes first


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("stanford-postagger-4.2.0.jar", True),
        ("stanford-postagger-4.2.0-sources.jar", False),
        ("stanford-postagger-4.2.0-javadoc.jar", False),
        ("stanford-ner.jar", False),
    ],
)
def test_the_jar_of_a_release(name, taken, folder, java):
    (folder / "stanford-postagger.jar").rename(folder / name)
    if taken:
        assert StanfordTagger(folder).tag([["good"]]) == [["JJ"]]
    else:
        with pytest.raises(CENetError, match=r"stanford-postagger\.jar: is missing; download it"):
            StanfordTagger(folder).tag([["good"]])


def test_the_most_exact_model_is_taken(folder, java):
    for name in ("english-left3words-distsim.tagger", "german-ud.tagger", "zz.tagger"):
        (folder / "models" / name).write_text("model")
    StanfordTagger(folder).tag([["good"]])
    assert calls(java)[-1][calls(java)[-1].index("-model") + 1].endswith(MODEL)
    (folder / "models" / MODEL).unlink()
    StanfordTagger(folder).tag([["good"]])
    assert calls(java)[-1][calls(java)[-1].index("-model") + 1].endswith(
        "left3words-distsim.tagger"
    )
    (folder / "models" / "english-left3words-distsim.tagger").unlink()
    with pytest.raises(CENetError, match=r"is missing \(there is german-ud.tagger, zz.tagger\)"):
        StanfordTagger(folder).tag([["good"]])
    (folder / "models" / "zz.tagger").unlink()
    assert StanfordTagger(folder).tag([["good"]]) == [["JJ"]]  # the only one there is


# --- what is missing or fails -------------------------------------------------------------------


def one_line(error):
    assert "\n" not in str(error.value)
    return True


def test_no_folder_named_and_no_folder_there(home):
    with pytest.raises(CENetError, match="--stanford-folder or in CENET_STANFORD") as error:
        StanfordTagger().tag([["good"]])
    assert one_line(error)
    with pytest.raises(CENetError, match="nowhere: is no folder; download it from https://nlp"):
        StanfordTagger(home / "nowhere").tag([["good"]])


def test_no_model(folder, java):
    (folder / "models" / MODEL).unlink()
    with pytest.raises(CENetError, match=rf"{MODEL}: is missing \(there is no .tagger file\)"):
        StanfordTagger(folder).tag([["good"]])


def test_no_java(folder, monkeypatch, home):
    for name in ("JAVA_HOME", "JAVAHOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(CENetError, match="needs Java, and there is no java command; inst") as error:
        StanfordTagger(folder).tag([["good"]])
    assert one_line(error)


FAILURES = {
    "it fails": (
        '#!{python}\nimport sys\nprint(\'Exception in thread "main" java.lang.OutOfMemoryError: '
        "heap', file=sys.stderr)\nprint('at X')\nsys.exit(1) # {log}",
        "java.lang.OutOfMemoryError: heap",
    ),
    "it says nothing": (
        "#!{python}\n# {log}",
        "gave 1 sentences for 2|gave 0 tags for the 1 words",
    ),
    "it loses a word": (
        "#!{python}\nprint('good_JJ')\nprint('is_VBZ') # {log}",
        "gave 1 tags for the 2 words of 'a film'",
    ),
    "it loses a sentence": ("#!{python}\nprint('good_JJ') # {log}", "gave 1 sentences for 2"),
    "it is no program": ("no program {python} {log}", "the Stanford tagger failed"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_java_fails(kind, folder, home, monkeypatch):
    program, message = FAILURES[kind]
    put_java(home, monkeypatch, program)
    with pytest.raises(CENetError, match=message) as error:
        StanfordTagger(folder).tag([["good"], ["a", "film"]])
    assert one_line(error)


# --- as an annotator ----------------------------------------------------------------------------


class Everything:
    """In place of SentiWordNet: good is good, and nothing else is anything."""

    digest = "of a test"
    senses = {}  # noqa: RUF012

    def lemmatize(self, word, pos):
        return word


@pytest.fixture
def no_dictionary(monkeypatch):
    monkeypatch.setattr(
        "cenet_lib.language.annotators.load_nltk_tools", lambda tagger=True: Everything()
    )


def say(id, *words):
    frames = np.zeros((3, 2), np.float32)
    return Utterance(id, words, frames, frames)


def test_a_corpus_is_tagged_by_one_process(folder, java, no_dictionary):
    corpus = Corpus(
        "small",
        train=[say(f"t{i}", "a", "good", "film") for i in range(300)],
        valid=[say("v", "is", "GOOD!")],
        test=[say("x", "very", "good")],
    )
    done = annotate_corpus(corpus, StanfordAnnotator(folder))
    assert len(calls(java)) == 1
    tags = ["DT", "JJ", "NN"]
    for utterance in done.train:
        assert utterance.annotations["pos_ids"].tolist() == [pos_id(tag) for tag in tags]
    assert done.valid[0].annotations["pos_ids"].tolist() == [0, 3]  # GOOD is a name to a tagger
    assert done.test[0].annotations["pos_ids"].tolist() == [2, 1]
    assert done.test[0].annotations["word_ids_by"] == "stanford"
    assert annotate_corpus(done, StanfordAnnotator(folder)).fingerprint() == done.fingerprint()
    assert len(calls(java)) == 1  # they were made before


def test_train_and_predict_with_it(
    folder, java, no_dictionary, small_corpus, small_backbone, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    small_corpus.save("corpus")
    options = ["--corpus", "corpus", "--backbone", str(small_backbone), "--out", "run"]
    options += ["--n-visual-codes", "3", "--n-acoustic-codes", "3", "--epochs", "1"]
    options += ["--device", "cpu", "--linguistic", "stanford"]
    assert main(["train", *options]) == 2
    assert "CENET_STANFORD" in capsys.readouterr().err
    assert not Path("run").exists()
    assert main(["train", *options, "--stanford-folder", str(folder)]) == 0
    assert len(calls(java)) == 1
    settings = json.loads(Path("run/config.json").read_text())["settings"]
    assert settings["linguistic"] == "stanford"
    assert main(["predict", "--run", "run", "--corpus", "corpus", "--out", "p.csv"]) == 2
    assert "CENET_STANFORD" in capsys.readouterr().err
    monkeypatch.setenv("CENET_STANFORD", str(folder))
    assert main(["predict", "--run", "run", "--corpus", "corpus", "--out", "p.csv"]) == 0
    assert len(calls(java)) == 2  # one more, for all splits
    assert main(["data", "convert", "corpus", "known", "--linguistic", "stanford"]) == 0
    before = len(calls(java))
    assert main(["predict", "--run", "run", "--corpus", "known", "--out", "q.csv"]) == 0
    assert len(calls(java)) == before
    assert Path("p.csv").read_text() == Path("q.csv").read_text()


@pytest.mark.skipif(os.environ.get("CENET_STANFORD") is None, reason="CENET_STANFORD is not set")
def test_the_tagger_itself():  # pragma: no cover, its jar cannot be had where this was written
    tags = StanfordTagger(os.environ["CENET_STANFORD"]).tag([["This", "is", "a", "good", "film"]])
    assert tags == [["DT", "VBZ", "DT", "JJ", "NN"]]
