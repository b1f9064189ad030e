"""Explain the predictions of estimators and pipelines that read texts."""

from skdistilbert.inspection.attribution_display import AttributionDisplay

__all__ = ["AttributionDisplay"]
