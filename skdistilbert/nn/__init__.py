"""The network as functions of arrays: no text, no files."""
