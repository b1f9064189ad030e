"""The machine: worker threads, matrix products and the one-time warm-up.

Batches of texts, or the parts of a single text, run in Python threads of our own, while BLAS is
limited to one thread per call. NumPy releases the interpreter lock, so element-wise operations run
in parallel too, which threads of BLAS do not achieve.

- At most one thread per core works at a time, across all concurrent calls of the process.
- The limit of BLAS threads applies to the whole process. The previous limit is restored when the
  last concurrent call returns.
- NumPy's BLAS multiplies matrices, or MKL if it is installed and faster.
- Worker threads are kept between calls. Idle threads stop before the process forks, and a forked
  process starts its own.
- The first error, including Ctrl-C, ends the work in all threads and is raised in the caller.

Other modules use only the names in ``__all__``.
"""

from skdistilbert.nn.runtime.blas import single_threaded_blas
from skdistilbert.nn.runtime.matrix_product import matmul
from skdistilbert.nn.runtime.precision import (
    PRECISIONS,
    Precision,
    check_precision,
    supported_precision,
)
from skdistilbert.nn.runtime.product_choice import choose_product
from skdistilbert.nn.runtime.vector_functions import exp_in_place, fast_erf
from skdistilbert.nn.runtime.warm_up import warm_up
from skdistilbert.nn.runtime.weight_products import ConstantWeightProducts, WeightProducts
from skdistilbert.nn.runtime.workers import ONE_WORKER, Workers, for_each, resolve_n_threads

__all__ = [
    "ONE_WORKER",
    "PRECISIONS",
    "ConstantWeightProducts",
    "Precision",
    "WeightProducts",
    "Workers",
    "check_precision",
    "choose_product",
    "exp_in_place",
    "fast_erf",
    "for_each",
    "matmul",
    "resolve_n_threads",
    "single_threaded_blas",
    "supported_precision",
    "warm_up",
]
