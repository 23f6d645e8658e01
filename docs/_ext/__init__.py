"""Sphinx extensions of the guide, one job and one file each."""
