"""The network as functions of arrays: no text, no files.

Layout
------
All tokens of a batch form one matrix without padding (`packing`). Hidden states have the shape
``(dim, n_tokens)``: one column per token. BLAS computes ``weight @ x`` on columns 5 to 25 %
faster than ``x @ weight.T`` on rows for short texts. Attention views the columns of texts of
equal length as ``(n_texts, n_heads, head_dim, length)``.

Reading order
-------------
`weights` (records of arrays), `packing`, `encoder` (the forward pass) with `attention`,
`functional` and `activations`, then `pooling`, `heads` and `inference` (any number of texts on
several threads). `training` adds the backward pass, which reads the `tape` of a forward pass.
`runtime` is the machine: threads and matrix products.
"""
