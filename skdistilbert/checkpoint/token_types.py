"""The token types of BERT, in the form of its files and in the form of the network.

A file has a table with an embedding for each token type. The network adds row 0 to the position
embeddings, so that texts that are not pairs take no extra time. Tokens of type 1 add the
difference of both rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.checkpoint.tensor_names import POSITIONS, TOKEN_TYPE_DIFFERENCE, TOKEN_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from skdistilbert.checkpoint.config import DistilBertConfig

    Tensors = Mapping[str, NDArray[np.float32]]
    MutableTensors = dict[str, NDArray[np.float32]]


def merge_token_types(tensors: Tensors) -> MutableTensors:
    """Return the tensors of a file in the form of the network, which uses two rows."""
    weights = dict(tensors)
    table = weights.pop(TOKEN_TYPES, None)
    if table is not None:
        with np.errstate(all="ignore"):  # weights that are not finite may be allowed
            weights[POSITIONS] = weights[POSITIONS] + table[0]
            if len(table) > 1:
                weights[TOKEN_TYPE_DIFFERENCE] = table[1] - table[0]
    return weights


def split_token_types(weights: Tensors, config: DistilBertConfig) -> MutableTensors:
    """Return the weights of the network in the form of a file; row 0 of the table is zero."""
    tensors = dict(weights)
    table = np.zeros((config.type_vocab_size, config.dim), np.float32)
    table[1:2] = tensors.pop(TOKEN_TYPE_DIFFERENCE, 0)
    return tensors | {TOKEN_TYPES: table}
