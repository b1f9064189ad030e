"""Intel MKL through ctypes: products of weight matrices, exponentials and error functions.

MKL is the package ``mkl`` of PyPI, which the extra ``mkl`` installs, or that of a conda
environment. It runs on one thread per call, because our own threads call it.
"""

from __future__ import annotations

import math
import re
import sys
from ctypes import (
    CDLL,
    c_char_p,
    c_float,
    c_int,
    c_int64,
    c_size_t,
    c_void_p,
    create_string_buffer,
)
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import ThreadpoolController

from skdistilbert.nn.runtime.bfloat16 import round_to_bfloat16
from skdistilbert.nn.runtime.process_lock import ProcessLock

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.floating]

# Versions of the interface of the library, which file names contain: MKL 2022 to 2026.
INTERFACE_VERSIONS = (3, 2)
# Without these libraries, MKL ends the process when it multiplies.
NEEDED_LIBRARIES = ("core", "sequential", "def", "vml_def")
SEQUENTIAL, INT32 = 1, 0  # the threading layer and the interface
# Constants of cblas.h and mkl_cblas.h.
ROW_MAJOR, NOT_TRANSPOSED, TRANSPOSED, PACKED, LEFT_MATRIX = 101, 111, 112, 151, 161
ALIGNMENT = 64  # bytes
# Vector functions have errors of at most one unit in the last place, and do not report overflow.
# With errors of up to 4 units, gelu is wrong by 7e-7 instead of 4e-7.
HIGH_ACCURACY = 0x2 | 0x100
# For which MKL prepares packed weights. They are multiplied by any number of columns.
TYPICAL_COLUMNS = 128

LEFT = RIGHT = (c_void_p, c_int)  # address and leading dimension
OUT = (c_float, c_void_p, c_int)  # factor of the previous content, address, leading dimension
SIX_INTS = (c_int,) * 6  # order, two forms of storage, rows, columns, terms
# The type of the result and of the arguments of each function.
FUNCTIONS = {
    "MKL_Set_Threading_Layer": (c_int, (c_int,)),
    "MKL_Set_Interface_Layer": (c_int, (c_int,)),
    "MKL_Get_Version_String": (None, (c_char_p, c_int)),
    "cblas_sgemm": (None, (*SIX_INTS, c_float, *LEFT, *RIGHT, *OUT)),
    "cblas_sgemm_pack_get_size": (c_size_t, (c_int,) * 4),
    "cblas_sgemm_pack": (None, (*SIX_INTS, c_float, *LEFT, c_void_p)),
    "cblas_sgemm_compute": (None, (*SIX_INTS, *LEFT, *RIGHT, *OUT)),
    "cblas_gemm_bf16bf16f32_pack_get_size": (c_size_t, (c_int,) * 4),
    "cblas_gemm_bf16bf16f32_pack": (None, (*SIX_INTS, *LEFT, c_void_p)),
    "cblas_gemm_bf16bf16f32_compute": (None, (*SIX_INTS, c_float, *LEFT, *RIGHT, *OUT)),
    "vmsErf": (None, (c_int, c_void_p, c_void_p, c_int64)),
    "vmsExp": (None, (c_int, c_void_p, c_void_p, c_int64)),
}


class MklError(Exception):
    """MKL cannot be used; the message is the reason."""


_lock = ProcessLock()


def load_mkl() -> Mkl | MklError:
    """Load MKL once per process; return the error if it cannot be used."""
    with _lock:
        return _load_mkl()


@cache
def _load_mkl() -> Mkl | MklError:
    try:
        return Mkl(find_mkl())
    except MklError as error:
        return error


def find_mkl() -> Path:
    """Return the path of the installed library."""
    names = [f"lib/libmkl_rt.so.{version}" for version in INTERFACE_VERSIONS]
    names += [f"Library/bin/mkl_rt.{version}.dll" for version in INTERFACE_VERSIONS]
    for prefix in dict.fromkeys((sys.prefix, sys.base_prefix)):
        for name in names:
            if (file := Path(prefix, name)).is_file():
                return file
    raise MklError("MKL is not installed")


def is_in_use() -> bool:
    """Return whether MKL is loaded already, for example by NumPy."""
    return any(x.internal_api == "mkl" for x in ThreadpoolController().lib_controllers)


class Mkl:
    """The loaded library.

    Parameters
    ----------
    file : Path
        The library ``mkl_rt``, which loads the others from its directory.

    Raises
    ------
    MklError
        If the library is incomplete, cannot be loaded, lacks a function, is in use by another
        package, or returns wrong results.
    """

    def __init__(self, file: Path) -> None:
        for name in NEEDED_LIBRARIES:
            if not (other := file.with_name(file.name.replace("_rt", f"_{name}"))).is_file():
                raise MklError(f"{other} is missing")
        if is_in_use():
            raise MklError("another package uses MKL")
        try:
            self._library = CDLL(str(file))
            for name, (result, arguments) in FUNCTIONS.items():
                function = getattr(self._library, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError) as error:
            raise MklError(f"{file} cannot be loaded: {error}") from error
        layers = self._library.MKL_Set_Threading_Layer(SEQUENTIAL)  # before any other call
        if (layers, self._library.MKL_Set_Interface_Layer(INT32)) != (SEQUENTIAL, INT32):
            raise MklError(f"{file} does not run on one thread")
        self.version = self._read_version()
        self._check_results()

    def _read_version(self) -> str:
        buffer = create_string_buffer(200)
        self._library.MKL_Get_Version_String(buffer, len(buffer))
        found = re.search(rb"Version ([\d.]+)", buffer.value)
        return found[1].decode() if found else "of unknown version"

    def _check_results(self) -> None:
        weight = np.sin(np.arange(1500, dtype=np.float32)).reshape(50, 30)
        x = np.cos(np.arange(210, dtype=np.float32)).reshape(30, 7)
        for product in (self.multiply(weight, x), PackedWeight(self, weight).multiply(x)):
            if not np.allclose(product, weight @ x, atol=1e-4):
                raise MklError(f"MKL {self.version} returns wrong products")
        for function, expected in {"vmsExp": np.exp(1), "vmsErf": math.erf(1)}.items():
            ones = np.ones(50, np.float32)
            self.apply(function, ones)
            if not np.allclose(ones, expected):
                raise MklError(f"MKL {self.version} returns wrong values of {function}")

    def call(self, function: str, *arguments: object) -> int:
        """Call a function of `FUNCTIONS`; arrays are passed as addresses."""
        converted = (_address(x) if isinstance(x, np.ndarray) else x for x in arguments)
        result: int = getattr(self._library, function)(*converted)
        return result

    def apply(self, function: str, x: Array) -> None:
        """Replace a contiguous float32 array by "vmsErf" or "vmsExp" of each element."""
        self.call(function, x.size, x, x, HIGH_ACCURACY)

    def multiply(self, weight: Array, x: Array) -> Array:
        """Multiply float32 (..., n_out, n_in) by float32 (n_in, n_columns)."""
        x = np.ascontiguousarray(x)
        n_columns = x.shape[1]
        out = np.empty((*weight.shape[:-1], n_columns), np.float32)
        for index in np.ndindex(weight.shape[:-2]):
            matrix, storage, stride = _stored(weight[index])
            sizes = len(matrix), n_columns, len(x)
            left, right = (matrix, stride), (x, n_columns)
            form = ROW_MAJOR, storage, NOT_TRANSPOSED, *sizes
            self.call("cblas_sgemm", *form, 1, *left, *right, 0, out[index], n_columns)
        return out


class PackedWeight:
    """A copy of a weight matrix in the order of MKL's kernels.

    The order depends on the processor, so the copy is never stored. The memory is a NumPy array,
    which is not moved and which `tracemalloc` reports.

    Parameters
    ----------
    mkl : Mkl
    weight : float32 ndarray of shape (n_out, n_in)
    """

    def __init__(self, mkl: Mkl, weight: Array) -> None:
        self._mkl, self._shape = mkl, weight.shape
        self._memory = self._pack(np.ascontiguousarray(weight))

    def _pack(self, weight: Array) -> NDArray[np.uint8]:
        n_out, n_in = self._shape
        sizes = n_out, TYPICAL_COLUMNS, n_in
        memory = _aligned(self._mkl.call("cblas_sgemm_pack_get_size", LEFT_MATRIX, *sizes))
        form = ROW_MAJOR, LEFT_MATRIX, NOT_TRANSPOSED, *sizes
        self._mkl.call("cblas_sgemm_pack", *form, 1, weight, n_in, memory)
        return memory

    @property
    def nbytes(self) -> int:
        """Memory of the copy in bytes."""
        return self._memory.nbytes

    def multiply(self, x: Array) -> Array:
        """Multiply the weight by columns in float32: (n_in, n_columns) -> (n_out, n_columns)."""
        return self._compute("cblas_sgemm_compute", (), np.ascontiguousarray(x))

    def _compute(self, function: str, factor: tuple[int, ...], x: NDArray[np.generic]) -> Array:
        (n_out, n_in), n_columns = self._shape, x.shape[1]
        out = np.empty((n_out, n_columns), np.float32)
        form = ROW_MAJOR, PACKED, NOT_TRANSPOSED, n_out, n_columns, n_in
        left, right = (self._memory, n_in), (x, n_columns)
        self._mkl.call(function, *form, *factor, *left, *right, 0, out, n_columns)
        return out


class PackedBfloat16Weight(PackedWeight):
    """A copy of a weight matrix in bfloat16, in the order of MKL's kernels."""

    def _pack(self, weight: Array) -> NDArray[np.uint8]:
        n_out, n_in = self._shape
        sizes = n_out, TYPICAL_COLUMNS, n_in
        size = self._mkl.call("cblas_gemm_bf16bf16f32_pack_get_size", LEFT_MATRIX, *sizes)
        memory = _aligned(size)
        form = ROW_MAJOR, LEFT_MATRIX, NOT_TRANSPOSED, *sizes
        rounded = round_to_bfloat16(weight)
        self._mkl.call("cblas_gemm_bf16bf16f32_pack", *form, rounded, n_in, memory)
        return memory

    def multiply(self, x: Array) -> Array:
        """Multiply the weight by rounded columns, with sums in float32; shapes as in float32."""
        return self._compute("cblas_gemm_bf16bf16f32_compute", (1,), round_to_bfloat16(x))


def _address(array: NDArray[np.generic]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _aligned(n_bytes: int) -> NDArray[np.uint8]:
    memory = np.empty(n_bytes + ALIGNMENT, np.uint8)
    start = -_address(memory) % ALIGNMENT
    return memory[start : start + n_bytes]


def _stored(matrix: Array) -> tuple[Array, int, int]:
    """Return a matrix (n_out, n_in), how it is stored, and its leading dimension.

    Only a matrix with gaps between neighbours in both directions is copied.
    """
    size = matrix.itemsize
    for storage, rows in ((NOT_TRANSPOSED, matrix), (TRANSPOSED, matrix.T)):
        stride, step = rows.strides
        if step == size and stride % size == 0 and stride >= rows.shape[1] * size:
            return matrix, storage, stride // size
    return np.ascontiguousarray(matrix), NOT_TRANSPOSED, matrix.shape[1]
