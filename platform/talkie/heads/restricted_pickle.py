"""Reads numbers out of a pickle without running anything of it: NumPy arrays, SciPy's sparse matrices, chumpy's arrays.

The only pickles of this project: published head models come in no other form. Every name that a pickle asks for is
answered by a stand-in of this file or by a plain type, or refused; no module is imported on its behalf.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from talkie.errors import BadInput

CURE = "load only the published model; a class that is needed and missing must be added by talkie's developers"


class _Held:
    """An object whose state is kept and never interpreted by its own class."""

    state: dict[str, Any]

    def __new__(cls, *_: Any) -> _Held:
        new = object.__new__(cls)
        new.state = {}
        return new

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}


class _Chumpy(_Held):
    """Stands for chumpy.Ch, a wrapper of one array `x`."""


class _Sparse(_Held):
    """Stands for a SciPy CSC or CSR matrix."""

    rows_first = False


class _SparseRows(_Sparse):
    rows_first = True


class _Ignored:
    """Stands for a class whose content nobody asks for."""

    __slots__ = ()

    def __new__(cls, *_: Any) -> _Ignored:
        return object.__new__(cls)

    def __setstate__(self, state: Any) -> None:
        pass

    def __call__(self, *_: Any) -> _Ignored:
        return self


class _ArrayType:
    """Stands for numpy.ndarray, which is only named and never called."""

    __slots__ = ()

    def __new__(cls, *_: Any) -> _ArrayType:
        raise pickle.UnpicklingError("an array that is built by a call")


class _Reconstruct:
    """numpy's _reconstruct: an empty array that the next step of the pickle fills."""

    __slots__ = ()

    def __call__(self, kind: Any, shape: Any, _: Any) -> np.ndarray:
        if kind is not _ArrayType or shape != (0,):
            raise pickle.UnpicklingError("an array of a strange kind")
        return np.ndarray.__new__(np.ndarray, (0,), "b")


class _Scalar:
    """numpy's scalar: a number from its bytes."""

    __slots__ = ()

    def __call__(self, kind: Any, data: Any = b"") -> Any:
        if not isinstance(kind, np.dtype) or kind.hasobject:
            raise pickle.UnpicklingError("a scalar of a strange kind")
        return np.frombuffer(data if isinstance(data, bytes) else str(data).encode("latin1"), kind)[0]


class _FromBuffer:
    """numpy's _frombuffer of pickle protocol 5."""

    __slots__ = ()

    def __call__(self, buffer: Any, kind: Any, shape: Any, order: Any) -> np.ndarray:
        return np.frombuffer(buffer, dtype=kind).reshape(shape, order=order)


class _Empty:
    """copyreg's _reconstructor: an empty stand-in."""

    __slots__ = ()

    def __call__(self, kind: Any, base: Any, _: Any) -> Any:
        if not (isinstance(kind, type) and issubclass(kind, _Held)) or base is not object:
            raise pickle.UnpicklingError("an object of a strange kind")
        return kind()


class _Encode:
    """_codecs.encode, by which Python 3 writes bytes in old protocols."""

    __slots__ = ()

    def __call__(self, text: Any, encoding: Any = "latin1") -> bytes:
        if encoding not in ("latin1", "latin-1") or not isinstance(text, str):
            raise pickle.UnpicklingError("bytes of a strange encoding")
        return text.encode("latin1")


def _admitted() -> dict[tuple[str, str], Any]:
    table: dict[tuple[str, str], Any] = {}
    for core in ("numpy.core", "numpy._core"):
        table[f"{core}.multiarray", "_reconstruct"] = _Reconstruct()
        table[f"{core}.multiarray", "scalar"] = _Scalar()
        table[f"{core}.numeric", "_frombuffer"] = _FromBuffer()
    for module in ("copy_reg", "copyreg"):
        table[module, "_reconstructor"] = _Empty()
    for module in ("__builtin__", "builtins"):
        table[module, "object"] = object
        table[module, "set"] = set
    table["collections", "OrderedDict"] = dict
    for short, kind in (("csc", _Sparse), ("csr", _SparseRows)):
        for module in (f"scipy.sparse.{short}", f"scipy.sparse._{short}", "scipy.sparse"):
            table[module, f"{short}_matrix"] = table[module, f"{short}_array"] = kind
    table |= {("chumpy.ch", "Ch"): _Chumpy, ("chumpy", "Ch"): _Chumpy, ("_codecs", "encode"): _Encode()}
    return table | {("numpy", "ndarray"): _ArrayType, ("numpy", "dtype"): np.dtype}


ADMITTED = _admitted()
"""What each name of a pickle is answered with."""


class _Restricted(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, ignored: tuple[str, ...]) -> None:
        super().__init__(file, encoding="latin1")
        self._ignored = ignored

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in ADMITTED:
            return ADMITTED[module, name]
        if module.split(".")[0] in self._ignored:
            return _Ignored
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not admitted")


def read_pickle(path: Path, *, ignored: tuple[str, ...] = ()) -> dict[str, Any]:
    """The arrays and plain values of a pickled dictionary (or of an npy that holds one), by key.

    Sparse matrices come dense, chumpy's arrays plain, both float64 or as stored. ignored: packages whose objects
    are skipped instead of refused. Raises BadInput naming the file and the first class that is not admitted."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path), cure="check the path") from error
    try:
        stream = io.BytesIO(data)
        if data.startswith(b"\x93NUMPY"):
            _skip_npy_header(stream)
        content = _Restricted(stream, ignored).load()
        if isinstance(content, np.ndarray) and content.shape == () and content.dtype == object:
            content = content.item()
        if not isinstance(content, dict):
            raise pickle.UnpicklingError("it holds no dictionary")
        return {str(key): _plain(value) for key, value in content.items()}
    # A damaged pickle can fail in any way that its opcodes and NumPy's setters fail.
    except (pickle.UnpicklingError, ValueError, TypeError, EOFError, AttributeError, ImportError) as error:
        raise BadInput(f"pickle refused: {error}", where=str(path), cure=CURE) from error
    except (LookupError, MemoryError, OverflowError, RecursionError) as error:
        raise BadInput(f"pickle is damaged: {error}", where=str(path), cure=CURE) from error


def _skip_npy_header(stream: io.BytesIO) -> None:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, kind = read(stream)
    if shape != () or not kind.hasobject:
        raise pickle.UnpicklingError("an npy that holds no dictionary")


def _plain(value: Any) -> Any:
    if isinstance(value, _Chumpy):
        return _plain(value.state.get("x"))
    if isinstance(value, _Sparse):
        return _dense(value)
    return value


def _dense(matrix: _Sparse) -> np.ndarray:
    """Compressed columns (or rows) written out."""
    s = matrix.state
    shape = tuple(int(n) for n in s.get("_shape", s.get("shape", ())))
    data, indices, starts = (np.asarray(s.get(key)) for key in ("data", "indices", "indptr"))
    if len(shape) != 2 or len(starts) != shape[0 if matrix.rows_first else 1] + 1 or shape[0] * shape[1] > 1 << 28:
        raise pickle.UnpicklingError("a sparse matrix that does not fit together")
    out = np.zeros(shape)
    major = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    rows, columns = (major, indices) if matrix.rows_first else (indices, major)
    np.add.at(out, (rows, columns), data)
    return out
