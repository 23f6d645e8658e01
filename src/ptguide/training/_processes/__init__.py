"""Several processes that train one model: who they are, which part of a batch and of the model each has."""
