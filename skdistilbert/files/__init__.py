"""Where the files of a checkpoint are, and how JSON among them is read."""

from skdistilbert.files.hub import Location, locate_checkpoint

__all__ = ["Location", "locate_checkpoint"]
