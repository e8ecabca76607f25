"""Which films a folder holds: tables as people write them, and what is said about each clip."""

import os
import re

import pytest

from cenet_lib import CENetError
from cenet_lib.video.clip import Clip
from cenet_lib.video.clips import read_clips
from cenet_lib.video.splits import with_splits


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "films"
    place.mkdir()
    for name in ("a.mp4", "b.MOV", "c.webm"):
        (place / name).write_bytes(name.encode())
    (tmp_path / "outside.mp4").write_bytes(b"outside")
    return place


def table(folder, text, name="clips.csv", encoding="utf-8"):
    (folder / name).write_text(text, encoding=encoding, newline="")
    return read_clips(folder)


def only_problem(found) -> str:
    problems = [clip.problem for clip in found.clips if clip.problem]
    assert len(problems) == 1, problems
    return problems[0]


# what is read


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("file,text,label,speaker,split\na.mp4,so good,1.5,anna,train\n", "utf-8"),
        ("split,speaker,file,label,text\ntrain,anna,a.mp4,1.5,so good\n", "utf-8"),
        (" File ; TEXT;Label;Speaker;Split\r\na.mp4;so good;1,5;anna;Train\r\n", "utf-8-sig"),
        ("file\ttext\tlabel\tspeaker\tsplit\na.mp4\tso good\t+1.5\tanna\ttrain\n", "utf-16"),
        ('file,text,label,speaker,split\n\n"a.mp4"," so good ",1.50,anna,train\n,,,,\n', "utf-8"),
    ],
)
def test_columns_may_come_in_any_order_and_from_any_spreadsheet(folder, text, encoding):
    found = table(folder, text, encoding=encoding)
    assert found.source == "clips.csv"
    assert found.clips == [Clip("a", "a.mp4", folder / "a.mp4", "so good", 1.5, "anna", "train")]
    assert found.notes == ["films that clips.csv does not name: b.MOV, c.webm"]


def test_values_as_people_write_them(folder):
    found = table(
        folder,
        "file,text,label,split,notes\n"
        'a.mp4,"well, yes\nand ""no""",,dev,x\n'
        "b.MOV,'=so,-3,val,y\nc.webm,NA,0,test,\n",
    )
    texts = [clip.text for clip in found.clips]
    assert texts == ['well, yes\nand "no"', "=so", "NA"]
    assert [clip.label for clip in found.clips] == [None, -3, 0]
    assert [clip.split for clip in found.clips] == ["valid", "valid", "test"]
    assert found.notes == ["columns that are not used: notes"]


def test_segments_of_a_long_film(folder):
    found = table(
        folder,
        "file,text,start,end,id\n"
        'a.mp4,one,0,2.5,\na.mp4,two,2.5,1:05.25,\na.mp4,three,1:05.25,,\na.mp4,four,"70,5",71,x\n',
    )
    assert [clip.id for clip in found.clips] == ["a[0-2.5]", "a[2.5-65.25]", "a[65.25-]", "x"]
    cuts = [(clip.start, clip.end) for clip in found.clips]
    assert cuts == [(0, 2.5), (2.5, 65.25), (65.25, None), (70.5, 71)]
    assert not any(clip.problem for clip in found.clips)


def test_mmsas_table(tmp_path):
    """As CH-SIMS has it, with one clip whose number a spreadsheet has shortened."""
    (tmp_path / "Raw" / "video_1").mkdir(parents=True)
    for name in ("0001.mp4", "0002.mp4"):
        (tmp_path / "Raw" / "video_1" / name).touch()
    (tmp_path / "label.csv").write_text(
        "video_id,clip_id,text,label,label_T,label_A,label_V,annotation,mode\n"
        "video_1,0001,我不想嫁给李茶,-1,-1,-0.8,-1,Negative,train\n"
        "video_1,2,好,0.2,,0,,Weakly Positive,valid\n"
        "video_1,3,好,0.2,,0,,Weakly Positive,valid\n"
        "../x,3,好,0.2,,0,,Weakly Positive,valid\n",
        encoding="utf-8",
    )
    found = read_clips(tmp_path, (-1, 1))
    first, second, missing, outside = found.clips
    assert first.path == tmp_path / "Raw" / "video_1" / "0001.mp4"
    assert (first.id, first.recording, first.split) == ("video_1$_$0001", "video_1", "train")
    assert first.annotations == {"label_T": -1.0, "label_A": -0.8, "label_V": -1.0}
    assert second.path.name == "0002.mp4"
    assert second.annotations == {"label_A": 0.0}
    assert missing.problem.startswith("is missing")
    assert outside.problem.startswith("leads out of the folder")
    assert found.notes == ["columns that are not used: annotation"]


def test_texts_beside_films(folder):
    (folder / "anna").mkdir()
    (folder / "anna" / "glad.mp4").touch()
    (folder / "anna" / "glad.txt").write_text("How\n nice!\n", encoding="utf-8-sig")
    (folder / "a.txt").write_text("so", encoding="utf-8")
    (folder / "b.txt").write_bytes(b"caf\xe9")
    (folder / ".hidden.mp4").touch()
    found = read_clips(folder)
    assert found.source == "texts beside the films"
    assert [clip.id for clip in found.clips] == ["a", "anna/glad", "b", "c"]
    assert [clip.text for clip in found.clips] == ["so", "How nice!", "", ""]
    assert found.clips[1].speaker == "anna"
    assert found.clips[2].problem == "b.txt is not in UTF-8; save it anew in that encoding"
    assert found.clips[3].problem.startswith("has no text; write what is said")
    assert read_clips(folder, transcribe=True).clips[3].problem == ""


def test_a_table_may_be_named_itself(folder):
    (folder / "group1.csv").write_text("file,text\na.mp4,so\n")
    assert read_clips(folder / "group1.csv").clips[0].path == folder / "a.mp4"


# what is wrong with one clip


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("d.mp4,so,,", "is missing; put it into the folder, or remove its row"),
        ("a,so,,", "is missing; is it 'a.mp4'?"),
        ("b.mov,so,,", "is missing; is it 'b.MOV'?"),
        (",so,,", "names no file; write it into the column 'file'"),
        ("linked,so,,", "is a link that leads out of the folder"),
        ("inner,so,,", "is a folder; name a film in it"),
        ("../outside.mp4,so,,", "leads out of the folder"),
        ("..\\outside.mp4,so,,", "leads out of the folder"),
        ("x/../../outside.mp4,so,,", "leads out of the folder"),
        ("/etc/passwd,so,,", "leads out of the folder"),
        ("C:\\films\\a.mp4,so,,", "leads out of the folder"),
        ("link.mp4,so,,", "is a link that leads out of the folder; copy the film into it"),
        ("linked/outside.mp4,so,,", "is a link that leads out of the folder"),
        ("a.mp4,,,", "has no text; write what is said in it, or --transcribe"),
        ("a.mp4,  ,,", "has no text"),
        ("a.mp4,so,-1,", "its start is -1, before the film begins"),
        ("a.mp4,so,-0:01,", "its start is -0:01, before the film begins"),
        ("a.mp4,so,3,3", "ends at 3 s and starts at 3 s"),
        ("a.mp4,so,,0", "ends at 0 s and starts at 0 s"),
        ("a.mp4,so,soon,", "its start is 'soon'; write seconds"),
        ("a.mp4,so,nan,", "its start is 'nan'; write seconds"),
        ("a.mp4,so,1_0,", "its start is '1_0'; write seconds"),
        ("a.mp4,so,,inf", "its end is 'inf'; write seconds"),
        ("a.mp4,so,yes,,1", "has 5 values for 4 columns; put a text with commas between"),
        ("a.mp4,so", "has 2 values for 4 columns"),
    ],
)
def test_what_is_wrong_is_said_of_the_clip(folder, row, problem):
    os.symlink(folder.parent / "outside.mp4", folder / "link.mp4")
    os.symlink(folder.parent, folder / "linked")
    (folder / "inner").mkdir()
    found = table(folder, f"file,text,start,end\n{row}\nc.webm,fine,,\n")
    assert problem in only_problem(found)
    broken, fine = (clip.id for clip in found.clips)
    assert fine == "c"
    assert broken.endswith("line 2)") or broken in ("line 2", "a")  # one may have many rows


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("label", "good", "its label is 'good'; write a number from -3 to 3"),
        ("label", "3.1", "its label is '3.1'; write a number from -3 to 3"),
        ("label", "nan", "its label is 'nan'"),
        ("split", "training", "its split is 'training'; write train, valid or test"),
    ],
)
def test_labels_and_splits_that_are_none(folder, column, value, problem):
    assert problem in only_problem(table(folder, f"file,text,{column}\na.mp4,so,{value}\n"))


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("a.mp4,so,,\na.mp4,no,,\n", "is the same film as another row;"),
        ("a.mp4,so,,\n./a.mp4,no,,\n", "is the same film as a.mp4;"),
        ("a.mp4,so,,\na.mp4,no,1,2\n", "is the same film as another row;"),
        ("a.mp4,so,1,2\na.mp4,no,,\n", "is the same film as another row;"),
        ("a.mp4,so,1,2\na.mp4,no,1,2\n", "is the same part of the same film as another row;"),
    ],
)
def test_the_same_film_twice(folder, rows, problem):
    assert problem in only_problem(table(folder, f"file,text,start,end\n{rows}"))


def test_ids_are_kept_apart(folder):
    (folder / "a.mkv").touch()
    found = table(folder, "file,text\na.mp4,so\na.mkv,no\n")
    assert [clip.id for clip in found.clips] == ["a.mp4", "a.mkv"]
    found = table(folder, "file,text,id\na.mp4,so,x\nb.MOV,no,x\n")
    assert only_problem(found) == "has the id of another clip; give it one of its own"


def test_some_with_a_split_and_some_without(folder):
    found = table(folder, "file,text,split\na.mp4,so,train\nb.MOV,so,\n")
    assert "has no split where others have one" in only_problem(found)


# what is wrong with all


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,text\na.mp4,so\n", "has no column 'file' (it has name, text)"),
        ("", "has no column 'file' (it has none)"),
        ("file,text,lable\na.mp4,so,1\n", "has a column 'lable'; is it 'label'?"),
        ("file,text,text\na.mp4,so,1\n", "has the column 'text' twice"),
        ('file,text\na.mp4,"so\n', "cannot be read as a table"),
        ("file,text\n", "clips.csv: names no film; write a row for each"),
    ],
)
def test_what_is_no_table_is_one_error(folder, text, message):
    with pytest.raises(CENetError) as error:
        table(folder, text)
    assert message in str(error.value)


def test_other_encodings_no_folder_and_no_film(folder, tmp_path):
    with pytest.raises(CENetError, match="is not in UTF-8; save it as 'CSV UTF-8'"):
        table(folder, "file,text\na.mp4,café\n", encoding="latin-1")
    with pytest.raises(CENetError, match="there is no such folder"):
        read_clips(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CENetError, match=r"holds no film; put films there, and clips\.csv"):
        read_clips(tmp_path / "empty")
    with pytest.raises(CENetError, match="the label range is"):
        read_clips(folder, (3, -3))
    with pytest.raises(CENetError, match=r"b\.MOV: is a film; give the folder in which it lies"):
        read_clips(folder / "b.MOV")


@pytest.mark.parametrize("name", ["clips.xlsx", "Clips.ods", "clips.csv.txt", "label.tsv"])
def test_a_spreadsheet_that_is_no_csv_is_one_error(name, folder):
    (folder / name).write_bytes(b"PK\3\4")
    stem = name.partition(".")[0].lower()
    told = rf"{re.escape(name)}: save it as 'CSV UTF-8', under the name {stem}\.csv"
    with pytest.raises(CENetError, match=told):
        read_clips(folder)


def test_a_table_may_be_in_capitals_and_one_of_another_name_is_told(folder):
    (folder / "Clips.CSV").write_text("file,words\na.mp4,so\n")
    found = read_clips(folder)
    assert (found.source, len(found.clips)) == ("Clips.CSV", 1)
    assert "has no column 'text', for what is said" in found.notes
    (folder / "Clips.CSV").rename(folder / "group1.csv")
    found = read_clips(folder)
    assert found.source == "texts beside the films"
    assert found.notes == [
        "group1.csv is not read; call it clips.csv, or give it in place of the folder"
    ]


# splits


def clips(*speakers, file=None):
    return [
        Clip(f"{n}", file or f"{n}.mp4", None, speaker=speaker)
        for n, speaker in enumerate(speakers)
    ]


def splits_by(dealt, what) -> dict:
    found: dict = {}
    for clip in dealt:
        found.setdefault(getattr(clip, what), set()).add(clip.split)
    return found


def test_no_speaker_is_in_two_splits_and_the_seed_decides():
    many = clips(*(f"s{n % 9}" for n in range(45)))
    dealt, told = with_splits(many)
    assert all(len(splits) == 1 for splits in splits_by(dealt, "speaker").values())
    assert {clip.split for clip in dealt} == {"train", "valid", "test"}
    assert told == "by speaker, 60 / 20 / 20 %, seed 0: no speaker is in two splits"
    assert with_splits(many) == (dealt, told)
    assert with_splits(many[::-1])[0][::-1] == dealt
    assert with_splits(many, seed=1)[0] != dealt


@pytest.mark.parametrize(("speakers", "said"), [("aaaaa", "1 speaker,"), ("ababa", "2 speakers,")])
def test_one_or_two_speakers_are_dealt_out_by_film_and_it_says_so(speakers, said):
    dealt, told = with_splits(clips(*speakers))
    assert {clip.split for clip in dealt} == {"train", "valid", "test"}
    assert told.startswith("by film, 60 / 20 / 20 %, seed 0: ")
    assert said in told
    assert "no metric says how well the model does on somebody new" in told


@pytest.mark.parametrize(
    ("speakers", "said"),
    [
        ("ab", "by clip, 60 / 20 / 20 %, seed 0: no speaker is in two splits"),
        (("", ""), "by clip, 60 / 20 / 20 %, seed 0: 2 of 2 clips name no speaker, so splits may"),
        (("a", ""), "by clip, 60 / 20 / 20 %, seed 0: 1 of 2 clips name no speaker, so splits may"),
    ],
)
def test_two_clips_share_nobody_unless_they_do(speakers, said):
    dealt, told = with_splits(clips(*speakers))
    assert [clip.split for clip in dealt].count("train") == 1
    assert told.startswith(said)


def test_unknown_speakers_are_said_to_be_unknown():
    dealt, told = with_splits(clips("a", "", "b", "", ""))
    assert told.startswith("by film")
    assert "3 of 5 clips name no speaker" in told
    assert {clip.split for clip in dealt} == {"train", "valid", "test"}


def test_one_film_is_dealt_out_by_clip():
    dealt, told = with_splits(clips("", "", "", "", "", file="long.mp4"))
    assert {clip.split for clip in dealt} == {"train", "valid", "test"}
    assert told.startswith("by clip")
    assert with_splits(clips("a"))[0][0].split == "train"
    assert with_splits([])[0] == []


def test_the_tables_splits_stay():
    given = [clip._replace(split="test") for clip in clips("a", "b", "c")]
    assert with_splits(given) == (given, "as the table says")
    with pytest.raises(CENetError, match="the seed is -1"):
        with_splits(given, seed=-1)
