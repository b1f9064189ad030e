"""The typed errors of skdistilbert."""


class CheckpointError(ValueError):
    """A checkpoint that can't be loaded; the message names the file, the field and the remedy."""
