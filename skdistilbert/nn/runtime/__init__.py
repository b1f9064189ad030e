"""The machine: threads, cores, matrix products and one-time warm-up.

All other modules use the names below only.
"""

from skdistilbert.nn.runtime.matrix_product import matmul
from skdistilbert.nn.runtime.memory import warm_up
from skdistilbert.nn.runtime.threads import ONE_WORKER, Workers, for_each, resolve_n_threads

__all__ = ["ONE_WORKER", "Workers", "for_each", "matmul", "resolve_n_threads", "warm_up"]
