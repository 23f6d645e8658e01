"""Helpers of the miniature site."""
