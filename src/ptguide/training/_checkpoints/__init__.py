"""Save a run and go on with it: its state, its order of data and random numbers, and files whole or not there."""
