"""DistilBERT as scikit-learn estimators, on a NumPy forward pass, without PyTorch."""

__version__ = "0.1.0.dev0"
