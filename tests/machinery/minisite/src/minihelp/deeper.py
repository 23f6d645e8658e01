"""Used by another helper."""


def times(x, y):
    """Return the product."""
    return x * y
