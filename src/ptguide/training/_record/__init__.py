"""What a run tells: its figures, their history, the one that is followed, and what a person sees meanwhile."""
