"""Locate the files of a checkpoint, read the JSON among them, and replace them safely."""

from skdistilbert.files.hub import Location, locate_checkpoint

__all__ = ["Location", "locate_checkpoint"]
