"""The typed errors of skdistilbert."""


class CheckpointError(ValueError):
    """A checkpoint that can't be loaded; the message names the file, the field and the remedy."""


class TruncationWarning(UserWarning):
    """Texts were longer than the model takes, and were cut."""
