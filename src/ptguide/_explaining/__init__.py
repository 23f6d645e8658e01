"""What `ptguide.explain` does when an error was raised."""
