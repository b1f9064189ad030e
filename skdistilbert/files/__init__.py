"""Where the files of a checkpoint are, how JSON among them is read, how all change at once."""

from skdistilbert.files.hub import Location, locate_checkpoint

__all__ = ["Location", "locate_checkpoint"]
