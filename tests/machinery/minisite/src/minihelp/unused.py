"""Used by no page."""
