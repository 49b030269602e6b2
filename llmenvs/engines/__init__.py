"""Where episodes are played and rows are scored: in this process, or on a Ray cluster."""
