"""What was seen of a pair of an input element and an output element."""

NEAR = 1  # the output element changed with the input element, all others being as given, or nearly so
FAR = 2  # it did so when others had other values
STEERED = 4  # an index or mask element was changed, and the output element changed
UNMOVED = 8  # and with another value, that changed something, it did not
ROUNDED = 16  # it changed by no more than rounding, which runs of many points at once may bring in
POSSIBLE = 32  # a change of a whole block of input elements changed the output element

ROWS_AT_ONCE = 256  # of what was seen, so that little memory is needed
