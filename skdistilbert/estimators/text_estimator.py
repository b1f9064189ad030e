"""Base class of all estimators: texts as input, an encoder, and files without weights."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar

from sklearn.base import BaseEstimator

from skdistilbert.estimators.cache import embedding_cache_file
from skdistilbert.estimators.loaded_encoders import load_pretrained_encoder
from skdistilbert.estimators.parameters import validate_parameters
from skdistilbert.estimators.saved_state import from_saved, to_saved
from skdistilbert.estimators.sklearn_compat import check_scikit_learn
from skdistilbert.estimators.text_encoder import TextEncoder, check_finite
from skdistilbert.exceptions import CheckpointError, HubError
from skdistilbert.files import at_commit, locate_checkpoint
from skdistilbert.tasks.text_batches import SPLIT_TEXTS, USE_WINDOWS
from skdistilbert.tasks.text_input import check_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from sklearn.utils import Tags

    from skdistilbert.estimators.loaded_encoders import PretrainedEncoder
    from skdistilbert.files import Location
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.runtime import Precision
    from skdistilbert.tasks.embedding_plan import EmbeddingPlan
    from skdistilbert.tasks.pair_input import TextOrPair
    from skdistilbert.tasks.text_input import Missing

check_scikit_learn()


class TextEstimator(BaseEstimator):  # type: ignore[misc]
    """Base of the estimators."""

    model: str | os.PathLike[str]
    pooling: Pooling | None
    max_length: int | None
    missing: Missing = "error"
    precision: Precision = "float32"
    n_threads: int | None
    embedding_cache: bool | str | os.PathLike[str] | None = None
    verbose: bool | int
    fingerprint_: str
    revision_: str | None
    _encoder: TextEncoder

    _kinds: ClassVar[dict[str, str]]  # of the parameters, see `documented`
    # Parameters that are options of the embedding.
    _embedding_parameters: ClassVar[tuple[str, ...]] = ("pooling", "max_length", "precision")

    def _set_parameters(self, values: dict[str, Any]) -> None:
        """Set the attributes of all parameters from the local variables of ``__init__``."""
        for name in self._kinds:
            setattr(self, name, values[name])

    def _validate(self) -> None:
        validate_parameters(self)
        embedding_cache_file(self.embedding_cache)

    def _check_texts(self, X: object) -> list[Any]:
        """Return single texts; estimators that accept pairs override this method."""
        return check_texts(X, self.missing, allow_empty=False)

    # -- the encoder

    def _load_named(self) -> tuple[TextEncoder, Location]:
        """Return the encoder that the parameters name, without replacing the fitted encoder."""
        location = locate_checkpoint(self.model)
        return TextEncoder(load_pretrained_encoder(location.directory), self._model_name), location

    @property
    def _model_name(self) -> str:
        return os.fspath(self.model)

    def _set_encoder(
        self,
        encoder: TextEncoder,
        location: Location,
        **others: Any,  # noqa: ANN401
    ) -> None:
        """Set the fitted encoder and other fitted attributes."""
        attributes = {
            "_encoder": encoder,
            "revision_": location.commit,
            "fingerprint_": encoder.pretrained.fingerprint,
            **others,
        }
        self.__dict__.update(attributes)  # at once, as Ctrl-C may come at any time

    def _loaded_encoder(self) -> TextEncoder:
        """Return the fitted encoder.

        It is loaded after unpickling, after `model` was changed, or if its file was overwritten.
        """
        if not self._encoder.is_loaded(self._model_name):
            self._encoder.load(self._load_fitted(), self._model_name)
        return self._encoder

    def _load_fitted(self) -> PretrainedEncoder:
        model = at_commit(self.model, self.revision_) if self.revision_ else self.model
        name = type(self).__name__
        try:
            location = locate_checkpoint(model)
        except (CheckpointError, HubError) as error:
            raise type(error)(
                f"{error} This {name} is fitted, but it holds no pretrained weights. If the "
                "weights have moved, set their new path with set_params(model=...). To use other "
                "weights, fit again."
            ) from error
        pretrained = load_pretrained_encoder(location.directory)
        if pretrained.fingerprint != self.fingerprint_:
            raise CheckpointError(
                f"{self.model}: these are not the weights that this {name} was fitted with "
                f"(fingerprint {pretrained.fingerprint[:12]}, expected {self.fingerprint_[:12]}). "
                "Set the path of the expected weights with set_params(model=...). To use these "
                "weights, fit again."
            )
        return pretrained

    # -- features

    def _embedding_options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._embedding_parameters}

    def _plan(self) -> EmbeddingPlan:
        return self._loaded_encoder().plan(self._embedding_options())

    def _features(
        self,
        texts: Sequence[TextOrPair],
        encoder: TextEncoder | None = None,
        *,
        warn: bool = True,
    ) -> NDArray[np.float32]:
        """Return the features of texts, (n_texts, n_features); None is the fitted encoder."""
        encoder = encoder or self._loaded_encoder()
        plan = encoder.plan(self._embedding_options())
        cache_file = embedding_cache_file(self.embedding_cache)
        title = type(self).__name__ if self.verbose else ""
        remedy = USE_WINDOWS if "long_text" in self._embedding_parameters else SPLIT_TEXTS
        features = encoder.features(
            texts, plan, self.n_threads, cache_file, title, remedy=remedy if warn else None
        )
        return check_finite(features, self.model)

    # -- scikit-learn

    def __getstate__(self) -> dict[str, Any]:
        return to_saved(super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(from_saved(state))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.allow_nan = self.missing == "empty"
        return tags
