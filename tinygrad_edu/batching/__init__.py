"""Functions of one example, made for many at once: `vmap`, and the batched backward pass of `jacobian` and `hessian`.

`replay` runs a function on one example, which is recorded, and then the record on all: each call is made once, with the
examples along a first axis more. `calls` has the table of how, `families`, `products` and `indexing` fill it.
"""

from tinygrad_edu.batching import families, indexing, products
from tinygrad_edu.batching.replay import for_all
from tinygrad_edu.batching.vmap import vmap

__all__ = ["families", "for_all", "indexing", "products", "vmap"]
