from __future__ import annotations

import copy
import gc
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert.nn.runtime import (
    ConstantWeightProducts,
    WeightProducts,
    product_choice,
    weight_products,
)
from skdistilbert.nn.runtime.bfloat16 import RoundedWeight
from skdistilbert.nn.runtime.mkl import PackedWeight
from skdistilbert.nn.runtime.product_choice import ProductChoice
from skdistilbert.nn.runtime.weight_products import MAX_COLUMNS_OF_PACKED_WEIGHTS

if TYPE_CHECKING:
    from skdistilbert.nn.runtime.mkl import Mkl

RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(300, 400)).astype(np.float32)
X = RNG.normal(size=(400, 20)).astype(np.float32)


@pytest.fixture
def _chosen(any_mkl: Mkl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product_choice._chosen, "choice", ProductChoice(any_mkl, "test"))


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Return the shapes of the packed matrices."""
    shapes = []

    def pack(mkl: Mkl, weight: np.ndarray) -> PackedWeight:
        shapes.append(weight.shape)
        return PackedWeight(mkl, weight)

    monkeypatch.setattr(weight_products, "PackedWeight", pack)
    return shapes


@pytest.mark.usefixtures("_chosen")
def test_equal_views_of_a_constant_weight_are_packed_once(packed: list[tuple[int, ...]]) -> None:
    products = ConstantWeightProducts()
    for _ in range(3):
        np.testing.assert_allclose(products.multiply(WEIGHT[:200], X), WEIGHT[:200] @ X, atol=1e-4)
        np.testing.assert_allclose(products.multiply(WEIGHT[100:], X), WEIGHT[100:] @ X, atol=1e-4)
        parts = WEIGHT.reshape(3, 100, 400)[:, 20:70]
        np.testing.assert_allclose(products.multiply(parts[:, :], X), parts @ X, atol=1e-4)
    assert packed == [(200, 400), (200, 400), (150, 400)]
    assert products.nbytes >= 4 * 550 * 400


@pytest.mark.usefixtures("_chosen")
def test_other_products_are_not_packed(packed: list[tuple[int, ...]]) -> None:
    products = ConstantWeightProducts()
    many = np.ones((400, MAX_COLUMNS_OF_PACKED_WEIGHTS + 1), np.float32)
    products.multiply(WEIGHT, many)  # MKL packs as fast
    products.multiply(WEIGHT[:20], X)  # too small for MKL
    products.multiply(WEIGHT.astype(float), X.astype(float))
    WeightProducts().multiply(WEIGHT, X)
    assert packed == []
    assert products.nbytes == 0


@pytest.mark.usefixtures("_chosen")
def test_concurrent_threads_pack_once(packed: list[tuple[int, ...]]) -> None:
    products = ConstantWeightProducts()
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: products.multiply(WEIGHT, X), range(40)))
    for result in results:
        np.testing.assert_allclose(result, WEIGHT @ X, atol=1e-4)
    assert len(packed) == 1


@pytest.mark.usefixtures("_chosen")
def test_copies_are_freed_with_their_owner() -> None:
    products = ConstantWeightProducts()
    products.multiply(WEIGHT, X)
    ((_, copy_of_weight),) = products._packed.values()
    reference = weakref.ref(copy_of_weight)
    del copy_of_weight, products
    gc.collect()
    assert reference() is None


@pytest.mark.usefixtures("_chosen")
def test_a_new_weight_at_the_address_of_a_freed_one_is_packed() -> None:
    products = ConstantWeightProducts()
    for factor in range(5):
        weight = WEIGHT * np.float32(factor)
        np.testing.assert_allclose(products.multiply(weight, X), weight @ X, atol=1e-3)


@pytest.mark.usefixtures("_chosen")
def test_copies_are_not_pickled() -> None:
    products = ConstantWeightProducts()
    products.multiply(WEIGHT, X)
    for other in (pickle.loads(pickle.dumps(products)), copy.deepcopy(products)):
        assert other.nbytes == 0
        np.testing.assert_allclose(other.multiply(WEIGHT, X), WEIGHT @ X, atol=1e-4)


def test_a_layer_has_one_part_per_worker_if_numpy_multiplies() -> None:
    assert [ConstantWeightProducts().count_parts(n) for n in (1, 3, 12)] == [1, 3, 12]


@pytest.mark.usefixtures("_chosen")
def test_the_number_of_parts_is_a_power_of_two_if_mkl_multiplies() -> None:
    products = ConstantWeightProducts()
    assert [products.count_parts(n) for n in (1, 2, 3, 4, 7, 12)] == [1, 2, 2, 4, 4, 8]
    assert WeightProducts().count_parts(3) == 3


# -- bfloat16


@pytest.mark.parametrize("n_columns", [1, 300])
def test_all_products_in_bfloat16_are_packed(
    n_columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weight_products, "bfloat16_packing", lambda: RoundedWeight)
    products = ConstantWeightProducts().in_bfloat16
    x = RNG.normal(size=(400, n_columns)).astype(np.float32)
    parts = WEIGHT.reshape(3, 100, 400)[:, 20:70]
    result = products.multiply(parts, x)
    assert result.shape == (3, 50, n_columns)
    np.testing.assert_allclose(result[1], RoundedWeight(parts[1]).multiply(x), atol=1e-4)
    assert products.nbytes > 0
    assert products.count_parts(3) == 2


def test_products_in_bfloat16_belong_to_those_in_float32() -> None:
    products = ConstantWeightProducts()
    assert products.in_bfloat16 is products.in_bfloat16
    assert products.in_bfloat16.in_bfloat16 is products.in_bfloat16
