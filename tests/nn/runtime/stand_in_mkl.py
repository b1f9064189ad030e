"""A stand-in for the library of MKL, in Python: its functions read and write at addresses."""

# ruff: noqa: ANN401 - the functions of the library have arguments of many types
from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from skdistilbert.nn.runtime.bfloat16 import widen
from skdistilbert.nn.runtime.mkl import FUNCTIONS, NEEDED_LIBRARIES, TRANSPOSED

if TYPE_CHECKING:
    from pathlib import Path

C_TYPES = {np.float32: ctypes.c_float, np.uint16: ctypes.c_uint16}


def matrix_at(address: int, rows: int, columns: int, stride: int, dtype: Any) -> np.ndarray:
    numbers = (C_TYPES[dtype] * ((rows - 1) * stride + columns)).from_address(address)
    whole = np.ctypeslib.as_array(numbers)
    return np.lib.stride_tricks.as_strided(
        whole, (rows, columns), (stride * whole.itemsize, whole.itemsize)
    )


class StandInFunction:
    """A function whose types can be set, like a function of ctypes."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.restype = self.argtypes = None

    def __call__(self, *arguments: Any) -> Any:
        assert self.argtypes is not None
        assert len(arguments) == len(self.argtypes)
        return self.function(*arguments)


class StandInLibrary:
    """The functions of MKL that we use; packed weights are plain copies."""

    def __init__(self, lacks: str = "", version: bytes = b"Version 2026.2-Product") -> None:
        self._version = version
        for name in FUNCTIONS.keys() - {lacks}:
            setattr(self, name, StandInFunction(getattr(self, f"_{name}")))

    def _MKL_Set_Threading_Layer(self, layer: int) -> int:  # noqa: N802
        return layer

    def _MKL_Set_Interface_Layer(self, layer: int) -> int:  # noqa: N802
        return layer

    def _MKL_Get_Version_String(self, buffer: Any, _size: int) -> None:  # noqa: N802
        buffer.value = self._version

    def _cblas_sgemm(self, *arguments: Any) -> None:
        _, storage, _, m, n, k, factor, left, left_stride, right, right_stride, *out = arguments
        if storage == TRANSPOSED:
            weight = matrix_at(left, k, m, left_stride, np.float32).T
        else:
            weight = matrix_at(left, m, k, left_stride, np.float32)
        self._multiply(factor * weight, matrix_at(right, k, n, right_stride, np.float32), *out)

    def _multiply(self, weight: Any, x: Any, beta: float, out: int, out_stride: int) -> None:
        assert beta == 0
        matrix_at(out, len(weight), x.shape[1], out_stride, np.float32)[...] = weight @ x

    def _vmsErf(self, *arguments: Any) -> None:  # noqa: N802
        self._apply(special.erf, *arguments)

    def _vmsExp(self, *arguments: Any) -> None:  # noqa: N802
        self._apply(np.exp, *arguments)

    def _apply(self, function: Any, n: int, x: int, out: int, _mode: int) -> None:
        matrix_at(out, 1, n, n, np.float32)[...] = function(matrix_at(x, 1, n, n, np.float32))

    def _cblas_sgemm_pack_get_size(self, _side: int, m: int, _n: int, k: int) -> int:
        return 4 * m * k

    def _cblas_sgemm_pack(self, *arguments: Any) -> None:
        *_, m, _, k, factor, weight, stride, out = arguments
        packed = matrix_at(out, m, k, k, np.float32)
        packed[...] = factor * matrix_at(weight, m, k, stride, np.float32)

    def _cblas_sgemm_compute(self, *arguments: Any) -> None:
        *_, m, n, k, left, left_stride, right, right_stride, beta, out, out_stride = arguments
        weight = matrix_at(left, m, k, left_stride, np.float32)
        x = matrix_at(right, k, n, right_stride, np.float32)
        self._multiply(weight, x, beta, out, out_stride)

    def _cblas_gemm_bf16bf16f32_pack_get_size(self, _side: int, m: int, _n: int, k: int) -> int:
        return 2 * m * k

    def _cblas_gemm_bf16bf16f32_pack(self, *arguments: Any) -> None:
        *_, m, _, k, weight, stride, out = arguments
        packed = matrix_at(out, m, k, k, np.uint16)
        packed[...] = matrix_at(weight, m, k, stride, np.uint16)

    def _cblas_gemm_bf16bf16f32_compute(self, *arguments: Any) -> None:
        *_, m, n, k, factor, left, left_stride, right, right_stride, beta, out, stride = arguments
        weight = factor * widen(matrix_at(left, m, k, left_stride, np.uint16))
        x = widen(matrix_at(right, k, n, right_stride, np.uint16))
        self._multiply(weight, x, beta, out, stride)


def write_library_files(directory: Path, content: bytes = b"") -> Path:
    """Write the files that a complete installation has, and return the one that is loaded."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("rt", *NEEDED_LIBRARIES):
        (directory / f"libmkl_{name}.so.3").write_bytes(content)
    return directory / "libmkl_rt.so.3"
