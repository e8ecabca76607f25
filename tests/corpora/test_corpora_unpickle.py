"""The pickle reader: reads all that is plain, and runs nothing."""

import os
import pickle
import pickletools
import struct

import numpy as np
import pytest
from corpus_files import python2
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

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
    "a class of torch": (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
        "torch._utils._rebuild",
    ),
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
