"""Locate the files of a checkpoint, read the JSON among them, and replace them safely."""

from skdistilbert.files.hub import Location, at_commit, locate_checkpoint, locate_config

__all__ = ["Location", "at_commit", "locate_checkpoint", "locate_config"]
