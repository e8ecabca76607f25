"""The pickle reader: reads all that is plain, and runs nothing."""

import os
import pickle
import pickletools
import struct
import subprocess
import sys

import numpy as np
import pytest
from corpus_files import python2
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from cenet_lib.corpora.plain_objects import Refused
from cenet_lib.corpora.tensors import Storage, rebuild
from cenet_lib.corpora.unfolding import unfolded_size
from cenet_lib.corpora.unpickle import load_plain
from cenet_lib.errors import CENetError

PROTOCOLS = range(6)


def read(data: bytes, folder) -> object:
    path = folder / "file.pkl"
    path.write_bytes(data)
    return load_plain(path)


def same(found, given) -> bool:
    if isinstance(given, (np.ndarray, np.generic)):
        return (
            type(found) is type(given)
            and found.dtype.newbyteorder("=") == given.dtype.newbyteorder("=")
            and found.shape == given.shape
            and found.tolist().__repr__() == given.tolist().__repr__()
        )
    if isinstance(given, (list, tuple)):
        return (
            type(found) is type(given) and len(found) == len(given) and all(map(same, found, given))
        )
    if isinstance(given, dict):
        return list(found) == list(given) and all(same(found[k], given[k]) for k in given)
    return type(found) is type(given) and (found == given or found != found)


keys = st.one_of(st.text(), st.integers(), st.binary(max_size=20), st.booleans(), st.none())
leaves = st.one_of(
    keys,
    st.floats(),
    st.integers(-(2**90), 2**90),
    st.sets(st.text(max_size=3)),
    st.frozensets(st.integers()),
    npst.arrays(
        npst.floating_dtypes(sizes=(16, 32, 64), endianness="?"),
        npst.array_shapes(min_dims=0, min_side=0, max_side=4),
    ),
    npst.arrays(npst.integer_dtypes(), npst.array_shapes(max_side=4)).map(np.asfortranarray),
    npst.arrays(npst.unicode_string_dtypes(min_len=1), npst.array_shapes(max_dims=2, max_side=3)),
    npst.arrays(np.float32, 3).map(lambda array: array[1]),
)
plain = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner), st.tuples(inner, inner), st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(value=plain, protocol=st.sampled_from(PROTOCOLS), optimize=st.booleans())
def test_reads_what_the_standard_library_wrote(tmp_path_factory, value, protocol, optimize):
    data = pickle.dumps(value, protocol)
    if optimize:  # other instructions for the memo
        data = pickletools.optimize(data)
    assert same(read(data, tmp_path_factory.getbasetemp()), pickle.loads(data))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_keeps_shared_and_recursive_objects(tmp_path, protocol):
    row = np.arange(3)
    ring = [row, row]
    ring.append(ring)
    found = read(pickle.dumps(ring, protocol), tmp_path)
    assert found[0] is found[1]
    assert found[2] is found


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_object_arrays_keep_their_items(tmp_path, protocol):
    given = np.empty(3, object)
    given[:] = ["text", np.arange(2.0), None]
    table = np.array([["a", 1], [None, "b"]], object)
    found, found_table = read(pickle.dumps((given, table), protocol), tmp_path)
    assert found.shape == (3,)
    assert found[0] == "text"
    assert found[1].tolist() == [0.0, 1.0]
    assert found_table.tolist() == table.tolist()


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_reads_python_2_with_texts_as_bytes(tmp_path, protocol):
    value = {
        "train": [("café \\ 'x'\n", np.arange(6, dtype=">f4").reshape(2, 3), "v" * 300)],
        "n": np.array(["ab", "c"], "S2"),
    }
    found = read(python2(value, protocol), tmp_path)
    assert set(found) == {b"train", b"n"}
    text, array, long = found[b"train"][0]
    assert text.decode() == "café \\ 'x'\n"
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert long == b"v" * 300
    assert found[b"n"].tolist() == [b"ab", b"c"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_reads_the_module_names_before_numpy_2(tmp_path, protocol):
    data = pickle.dumps([np.arange(4.0), np.float32(2)], protocol)
    old = data.replace(b"\x16numpy._core.multiarray", b"\x15numpy.core.multiarray")
    old = old.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    old = old.replace(b"\x13numpy._core.numeric", b"\x12numpy.core.numeric")
    assert b"_core." not in old
    array, scalar = read(old, tmp_path)
    assert array.tolist() == [0, 1, 2, 3]
    assert scalar == np.float32(2)


def test_large_arrays_are_mapped_not_read(tmp_path):
    value = {"big": np.arange(100_000, dtype=np.float64), "small": np.arange(5)}
    found = read(pickle.dumps(value, 4), tmp_path)
    assert np.array_equal(found["big"], value["big"])
    bases = {}
    for name, base in found.items():
        while isinstance(base, np.ndarray):
            base = base.base
        bases[name] = base.obj if isinstance(base, memoryview) else base
    assert type(bases["big"]).__name__ == "mmap"
    assert isinstance(bases["small"], bytes)


class Calls:
    """Pickles as a call of a function, found by name or given."""

    def __init__(self, function, *arguments, state=None):
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.parts


ARRAY = (np._core.multiarray._reconstruct, np.ndarray, (0,), b"b")


def array_with(shape, dtype, data):
    return Calls(*ARRAY, state=(1, shape, dtype, False, data))


F4 = np.dtype(np.float32)
REFUSED = {
    "os.system": (b"cos\nsystem\n(S'true'\ntR.", "os.system"),
    "posix.system, version 4": (
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.",
        "posix.system",
    ),
    "eval": (pickle.dumps(Calls(eval, "1+1")), "builtins.eval"),
    "exec": (pickle.dumps(Calls(exec, "1+1"), 2), "__builtin__.exec"),
    "getattr": (pickle.dumps(Calls(getattr, [], "append")), "builtins.getattr"),
    "a call inside an argument": (
        pickle.dumps([{"a": (1, Calls(set, [Calls(eval, "1")]))}]),
        "builtins.eval",
    ),
    "a call in an array's data": (
        pickle.dumps(np.array([Calls(eval, "1")], dtype=object)),
        "builtins.eval",
    ),
    "a function that is only named": (pickle.dumps([os.path.join]), "posixpath.join"),
    "a name with dots": (b"\x80\x04\x8c\x05numpy\x8c\x0cndarray.data\x93.", "numpy.ndarray.data"),
    "numpy's own loader": (b"cnumpy\nload\n(S'x'\ntR.", "numpy.load"),
    "numpy.fromfile": (b"cnumpy\nfromfile\n(S'x'\ntR.", "numpy.fromfile"),
    "a class of torch": (b"\x80\x02ctorch\nTensor\n)R.", "torch.Tensor"),
    "a tensor without a storage": (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(NK\x00K\x02\x85K\x01\x85tR.",
        "without a storage",
    ),
    "a storage kept elsewhere": (
        b"\x80\x02(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x03tQ.",
        "kept elsewhere",
    ),
    "a state for a text": (b"S'a'\n(I1\ntb.", "state of its own"),
    "a class by an old instruction": (b"(itorch\nSize\n.", "torch.Size"),
    "an object by an old instruction": (b"(c__builtin__\nset\no.", "instance of a class"),
    "a class by a new instruction": (b"\x80\x02cnumpy\nndarray\n)\x81.", "instance of a class"),
    "a class with keywords": (b"\x80\x04cnumpy\nndarray\n)}\x92.", "instance of a class"),
    "a persistent id": (b"Psomething\n.", "kept elsewhere"),
    "the extension registry": (b"\x82\x01.", "extension registry"),
    "an out-of-band buffer": (b"\x80\x05\x97.", "kept elsewhere"),
    "a state for a list": (b"](I1\ntb.", "state of its own"),
    "a state for a name": (b"cnumpy\ndtype\n(I1\ntb.", "state of its own"),
    "bytes of a size": (b"c__builtin__\nbytes\n(I999999999999\ntR.", "bytes(int)"),
    "a codec": (b"c_codecs\nencode\n(VBZh\nVbz2\ntR.", "_codecs.encode"),
    "records": (pickle.dumps(np.zeros(2, [("a", "f4")])), "type 'V4'"),
    "dates": (pickle.dumps(np.zeros(2, "M8[s]")), "type 'M8'"),
    "a matrix": (
        pickle.dumps(Calls(ARRAY[0], int, *ARRAY[2:])),
        "builtins.int",
    ),
    "an oversized array": (pickle.dumps(array_with((10**12,), F4, b"1234")), "(1000000000000,)"),
    "an array of overflowing size": (
        pickle.dumps(array_with((2**40, 2**40), F4, b"1234")),
        "data for 1 elements",
    ),
    "a negative array": (pickle.dumps(array_with((-1,), F4, b"")), "without a shape"),
    "an array short of data": (pickle.dumps(array_with((3,), F4, b"12345678")), "2 elements"),
    "an array with odd data": (pickle.dumps(array_with((2,), F4, b"1234567")), "1 elements"),
    "an array of nothing, often": (pickle.dumps(array_with((10**9, 0), F4, b"")), "1000000000"),
    "an oversized object array": (
        pickle.dumps(array_with((10**9,), np.dtype(object), [1, 2])),
        "2 elements",
    ),
    "an array of empty texts, often": (
        pickle.dumps(array_with((10**9,), np.dtype("S0"), b"")),
        "0 elements",
    ),
    "a list as a key": (b"}]I2\ns.", "list as a key"),
    "a tuple as a key": (pickle.dumps({(1, 2): 3}), "tuple as a key"),
    "deep tuples as a key": (b"}" + b")" + b"\x85" * 300_000 + b"Ns.", "tuple as a key"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_what_is_not_plain(tmp_path, name):
    data, said = REFUSED[name]
    with pytest.raises(CENetError) as caught:
        read(data, tmp_path)
    assert "file.pkl" in str(caught.value)
    assert said in str(caught.value)


def test_runs_nothing(tmp_path):
    trap = tmp_path / "sprung"
    data = pickle.dumps(Calls(os.mkdir, str(trap)))
    with pytest.raises(CENetError, match="mkdir"):
        read(data, tmp_path)
    assert not trap.exists()
    pickle.loads(data)  # the trap is a live one
    assert trap.exists()


def test_an_object_that_contains_itself_is_refused(tmp_path):
    array = np.empty(1, object)
    array[0] = array
    with pytest.raises(CENetError, match="contains itself"):
        read(pickle.dumps(array), tmp_path)


def test_a_huge_memo_index_costs_nothing(tmp_path):
    """The standard reader would make a table of 2^31 places here."""
    data = b"]r" + struct.pack("<I", 2**31 - 1) + b"I7\naj" + struct.pack("<I", 2**31 - 1) + b"."
    assert read(data, tmp_path) == [7]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_truncation_is_reported(tmp_path, protocol):
    data = pickle.dumps([("a", 1.5, np.arange(3)), {"k": b"v", 2**70: None}], protocol)
    for length in range(len(data)):
        with pytest.raises(CENetError) as caught:
            read(data[:length], tmp_path)
        assert "download or copy it again" in str(caught.value)


def test_a_bit_flip_is_an_answer_or_an_error(tmp_path):
    data = pickle.dumps({"train": [(("w", np.arange(4.0), [1, 2]), np.ones((1, 1)), "v[0]")]}, 2)
    failed = 0
    for position in range(len(data)):
        for bit in {position % 8, (position + 3) % 8}:
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            try:
                read(bytes(flipped), tmp_path)
            except CENetError as error:
                failed += "file.pkl" in str(error)
    assert failed > len(data) / 4  # many flips hit instructions


# Tensors.


def tensors(torch):
    """One of each kind, and ways to look at the same numbers."""
    numbers = torch.arange(24.0).reshape(4, 6)
    kinds = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
    return {
        **{kind: numbers[:, :2].to(getattr(torch, kind)) for kind in kinds},
        "uint16": torch.tensor([1, 65535], dtype=torch.uint16),
        "bfloat16": torch.tensor([1.5, -3e38, 0.0], dtype=torch.bfloat16),
        "transposed": numbers.T,
        "rows": numbers[1:3],
        "columns": numbers[:, 1::2],
        "turned": numbers.reshape(2, 3, 4).permute(2, 0, 1),
        "alone": torch.tensor(-1.25),
        "empty": torch.zeros(0, 5),
        "a parameter": torch.nn.Parameter(numbers[0]),
        "big": torch.arange(100_000),
    }


def as_array(tensor):
    tensor = tensor.detach()
    return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()


def torch_forms(torch, path, value):
    torch.save(value, path / "new")
    yield load_plain(path / "new")
    old = {key: item for key, item in value.items() if key != "uint16"}  # which it did not know
    torch.save(old, path / "old", _use_new_zipfile_serialization=False)
    yield load_plain(path / "old")
    for protocol in (2, 5):
        yield read(pickle.dumps(value, protocol), path)


def test_tensors_are_the_arrays_that_they_were(tmp_path):
    torch = pytest.importorskip("torch")
    value = tensors(torch)
    for found in torch_forms(torch, tmp_path, value):
        assert set(value) - set(found) <= {"uint16"}
        for name, array in found.items():
            wanted = as_array(value[name])
            assert type(array) is np.ndarray, name
            assert (array.dtype, array.shape) == (wanted.dtype, wanted.shape), name
            assert array.tolist() == wanted.tolist(), name


def test_what_lies_beside_tensors_stays(tmp_path):
    torch = pytest.importorskip("torch")
    value = {"words": ["so", "good"], "rows": np.arange(3.0), "size": torch.Size([2, 3]), "n": None}
    shared = torch.ones(3)
    for found in torch_forms(torch, tmp_path, {**value, "a": shared, "b": shared}):
        assert (found["words"], found["size"], found["n"]) == (["so", "good"], (2, 3), None)
        assert found["rows"].tolist() == [0, 1, 2]
        assert found["a"].tolist() == found["b"].tolist() == [1, 1, 1]


def test_large_tensors_are_mapped_not_read(tmp_path):
    torch = pytest.importorskip("torch")
    for new in (True, False):
        torch.save([torch.arange(100_000)], tmp_path / "t.pt", _use_new_zipfile_serialization=new)
        [base] = load_plain(tmp_path / "t.pt")
        while not isinstance(base, memoryview):
            base = base.base
        assert type(base.obj).__name__ == "mmap"


def test_torch_is_not_asked(tmp_path):
    """A file is read where PyTorch is not installed."""
    torch = pytest.importorskip("torch")
    torch.save({"a": torch.ones(2)}, tmp_path / "t.pt")
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from cenet_lib.corpora.unpickle import load_plain\n"
        f"print(load_plain({str(tmp_path / 't.pt')!r})['a'].tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[1.0, 1.0]\n"


@pytest.mark.parametrize(
    ("offset", "size", "stride", "said"),
    [
        (0, (7,), (1,), "storage of 6 numbers"),
        (4, (3,), (1,), "storage of 6 numbers"),
        (0, (2, 2), (1, 5), "storage of 6 numbers"),
        (0, (9,), (0,), "again and again"),
        (0, (10**15, 10**15), (0, 0), "again and again"),
        (0, (10**9, 0), (1, 1), "without data"),
        (-1, (2,), (1,), "without a size"),
        (0, (-2,), (1,), "without a size"),
        (0, (2,), (-1,), "without a size"),
        (0, (2,), (1, 1), "without a size"),
        (0, (True,), (1,), "without a size"),
        (0, (1,) * 40, (1,) * 40, "without a size"),
    ],
)
def test_a_tensor_that_does_not_fit_its_storage(offset, size, stride, said):
    with pytest.raises(Refused, match=said):
        rebuild(Storage("f4", bytes(24)), offset, size, stride)


@pytest.mark.parametrize("new", [True, False])
def test_a_bit_flip_in_a_file_of_torch_is_an_answer_or_an_error(tmp_path, new):
    torch = pytest.importorskip("torch")
    path = tmp_path / "t.pt"
    torch.save({"train": torch.ones(3), "n": ["so"]}, path, _use_new_zipfile_serialization=new)
    data = path.read_bytes()
    failed = 0
    for position in range(0, len(data), 3):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        try:
            load_plain(path)
        except CENetError as error:
            failed += "t.pt" in str(error)
    assert failed


# How much it unpacks to.


def test_the_unfolded_size_counts_what_is_used_twice_twice():
    row, word = np.zeros(10), "film"
    assert unfolded_size([row, row]) == 2 * (80 + 8)
    assert unfolded_size({"a": [word] * 3, "b": (word,)}) == 2 * (1 + 8) + 2 * 8 + 4 * (4 + 8)
    ring = [row]
    ring.append(ring)
    assert unfolded_size(ring) == 80 + 2 * 8
    objects = np.empty(3, object)
    objects[:] = [row, row, None]
    assert unfolded_size(objects) == 2 * 80 + 3 * 8


def test_what_real_files_share_is_no_reason_to_refuse(tmp_path):
    """Words are often one object, and so is a stand-in for a missing face."""
    nothing = np.zeros((50, 20), np.float32)
    words = [f"word{i}" for i in range(100)]
    data = [((words, nothing, np.ones((50, 5))), 1.0, f"v[{i}]") for i in range(2000)]
    found = read(pickle.dumps(data), tmp_path)
    assert found[1999][0][1] is found[0][0][1]
    assert unfolded_size(found) > 6000 * 2000


@pytest.mark.parametrize("kind", ["<U3", ">U3"])
def test_every_character_of_unicode_is_read(tmp_path, kind):
    texts = np.array(["a\U0010ffff", "\ud800b", ""], kind)
    assert read(pickle.dumps(texts), tmp_path).tolist() == ["a\U0010ffff", "\ud800b", ""]
    assert read(pickle.dumps(np.str_("\U0010ffff")), tmp_path) == "\U0010ffff"


def test_true_is_one_whatever_byte_it_is(tmp_path):
    data = pickle.dumps(np.array([True, False, True])).replace(b"\x01\x00\x01", b"\x07\x00\xff")
    assert read(data, tmp_path).astype(np.float32).tolist() == [1.0, 0.0, 1.0]
