"""What varies: in which order, and from which part of the pool, rows come."""
