"""Checkpoint files: configuration and weights, no arithmetic."""
