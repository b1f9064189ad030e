from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from skdistilbert.nn.runtime import mkl
from skdistilbert.nn.runtime.bfloat16 import RoundedWeight
from skdistilbert.nn.runtime.mkl import (
    NEEDED_LIBRARIES,
    Mkl,
    MklError,
    PackedBfloat16Weight,
    PackedWeight,
    find_mkl,
)
from skdistilbert.nn.runtime.product_choice import VARIABLE
from tests.nn.runtime.stand_in_mkl import StandInLibrary, write_library_files
from tests.nn.runtime.test_numpy_product import SHAPES, assert_is_product, random_factors

ROOT = Path(__file__).parents[3]
RNG = np.random.default_rng(0)
COMPILER = shutil.which("gcc") or shutil.which("cc")


@pytest.mark.parametrize("n_columns", [1, 16, 100])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_product_equals_that_in_float64(
    any_mkl: Mkl, shape: tuple[int, ...], n_columns: int
) -> None:
    weight, x = random_factors(shape, n_columns)
    assert_is_product(any_mkl.multiply(weight, x), weight, x)


def test_views_are_multiplied(any_mkl: Mkl) -> None:
    x = RNG.normal(size=(700, 40)).astype(np.float32)
    columns = RNG.normal(size=(48, 900)).astype(np.float32)[:, 100:800]
    parts = RNG.normal(size=(3, 60, 700)).astype(np.float32)[:, 12:36]
    for weight in (columns, columns[::2], columns[::-1], parts, columns[:1]):
        assert_is_product(any_mkl.multiply(weight, x), weight, x)
        assert_is_product(any_mkl.multiply(weight, x[:, ::2]), weight, x[:, ::2])
    transposed = RNG.normal(size=(700, 50)).astype(np.float32)[:, 1:49].T
    assert_is_product(any_mkl.multiply(transposed, x), transposed, x)
    sparse = RNG.normal(size=(48, 1400)).astype(np.float32)[:, ::2]
    assert_is_product(any_mkl.multiply(sparse, x), sparse, x)


@pytest.mark.parametrize("n_columns", [1, 7, 64, 130, 300])
def test_packed_weights_are_multiplied(any_mkl: Mkl, n_columns: int) -> None:
    weight = RNG.normal(size=(100, 900)).astype(np.float32)[:, 100:800]
    x = RNG.normal(size=(700, n_columns)).astype(np.float32)
    assert_is_product(PackedWeight(any_mkl, weight).multiply(x), weight, x)


@pytest.mark.parametrize("n_columns", [1, 7, 64, 130])
def test_packed_bfloat16_is_summed_in_float32(any_mkl: Mkl, n_columns: int) -> None:
    weight, x = random_factors((100, 700), n_columns)
    product = PackedBfloat16Weight(any_mkl, weight).multiply(x)
    assert product.dtype == np.float32
    np.testing.assert_allclose(product, RoundedWeight(weight).multiply(x), atol=3e-4)
    assert np.abs(product - weight @ x).max() > 1e-2  # the factors were rounded


def test_packed_copies_are_reported_as_memory(any_mkl: Mkl) -> None:
    weight = np.ones((500, 500), np.float32)
    tracemalloc.start()
    packed = PackedWeight(any_mkl, weight)
    reported, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert weight.nbytes <= packed.nbytes <= reported


# -- libraries that cannot be used


@pytest.fixture
def _not_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another test may have loaded MKL in this process."""
    monkeypatch.setattr(mkl, "is_in_use", lambda: False)


@pytest.mark.parametrize(
    "name", ["lib/libmkl_rt.so.3", "lib/libmkl_rt.so.2", "Library/bin/mkl_rt.3.dll"]
)
def test_the_library_of_the_environment_is_found(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "none"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(MklError, match="MKL is not installed"):
        find_mkl()
    file = tmp_path / name
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    assert find_mkl() == file


def test_the_error_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for prefix in ("prefix", "base_prefix"):
        monkeypatch.setattr(sys, prefix, str(tmp_path))
    load = functools.cache(mkl._load_mkl.__wrapped__)
    first = load()
    assert isinstance(first, MklError)
    assert load() is first


@pytest.mark.parametrize("name", NEEDED_LIBRARIES)
def test_an_incomplete_installation_is_not_loaded(name: str, tmp_path: Path) -> None:
    """MKL would end the process."""
    file = write_library_files(tmp_path)
    (tmp_path / f"libmkl_{name}.so.3").unlink()
    with pytest.raises(MklError, match=rf"libmkl_{name}\.so\.3 is missing"):
        Mkl(file)


@pytest.mark.usefixtures("_not_in_use")
@pytest.mark.parametrize("content", [b"", b"this is a text", b"\x7fELF damaged"])
def test_a_file_that_is_no_library_is_an_error(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(MklError, match="cannot be loaded"):
        Mkl(write_library_files(tmp_path, content))


WITHOUT_FUNCTIONS = """
import sys
sys.prefix = sys.argv[1]
from skdistilbert.__main__ import main
sys.exit(main())
"""


@pytest.mark.skipif(COMPILER is None or sys.platform != "linux", reason="no C compiler")
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "MKL_Set_Threading_Layer"),
        ("int MKL_Set_Threading_Layer(int layer) { return layer; }", "MKL_Set_Interface_Layer"),
    ],
)
def test_numpy_is_used_if_the_library_has_no_functions(
    source: str, message: str, tmp_path: Path
) -> None:
    file = write_library_files(tmp_path / "lib")
    command = [str(COMPILER), "-shared", "-fPIC", "-o", str(file), "-x", "c", "-"]
    subprocess.run(command, input=source, text=True, check=True)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_FUNCTIONS, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, VARIABLE: ""},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(f"matrix product   NumPy .*cannot be loaded.*{message}", done.stdout)


@pytest.mark.usefixtures("_not_in_use")
@pytest.mark.parametrize("lacking", ["cblas_sgemm", "cblas_gemm_bf16bf16f32_compute"])
def test_a_library_that_lacks_a_function_is_an_error(
    lacking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mkl, "CDLL", lambda _file: StandInLibrary(lacks=lacking))
    with pytest.raises(MklError, match=f"cannot be loaded.*{lacking}"):
        Mkl(write_library_files(tmp_path))


@pytest.mark.usefixtures("_not_in_use")
@pytest.mark.parametrize("layer", ["_MKL_Set_Threading_Layer", "_MKL_Set_Interface_Layer"])
def test_a_library_with_other_threads_or_integers_is_an_error(
    layer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StandInLibrary, layer, lambda *_: -1)
    monkeypatch.setattr(mkl, "CDLL", lambda _file: StandInLibrary())
    with pytest.raises(MklError, match="does not run on one thread"):
        Mkl(write_library_files(tmp_path))


@pytest.mark.usefixtures("_not_in_use")
@pytest.mark.parametrize(
    "function", ["_cblas_sgemm", "_cblas_sgemm_compute", "_vmsExp", "_vmsErf"]
)
def test_a_library_with_wrong_results_is_an_error(
    function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StandInLibrary, function, lambda *_: None)
    monkeypatch.setattr(mkl, "CDLL", lambda _file: StandInLibrary())
    with pytest.raises(MklError, match=r"MKL 2026\.2 returns wrong (products|values of vms)"):
        Mkl(write_library_files(tmp_path))


def test_mkl_of_another_package_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Controller:
        class Library:
            internal_api = "mkl"

        lib_controllers = (Library(),)

    monkeypatch.setattr(mkl, "ThreadpoolController", Controller)
    with pytest.raises(MklError, match="another package uses MKL"):
        Mkl(write_library_files(tmp_path))


@pytest.mark.usefixtures("_not_in_use")
def test_an_unknown_version_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mkl, "CDLL", lambda _file: StandInLibrary(version=b"new"))
    assert Mkl(write_library_files(tmp_path)).version == "of unknown version"
