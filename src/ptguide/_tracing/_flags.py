"""What was seen of a pair of an input element and an output element."""

NEAR = 1  # the output element changed with the input element, all others being as given, or nearly so
FAR = 2  # it did so when others had other values
STEERED = 4  # an index or mask element was changed, and the output element changed
UNMOVED = 8  # and with another value, that changed something, it did not
