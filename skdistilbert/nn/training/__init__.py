"""Training: the network's derivative, the optimiser, and the loop around them.

Each `..._forward` keeps in a tape what its `..._backward` needs. The gradient of a record of
weights is a record of the same type; `d_x` is the derivative of the loss with respect to `x`.
"""
