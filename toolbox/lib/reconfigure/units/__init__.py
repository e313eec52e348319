"""Units of systemd and quadlets: their paths, what they read, what is done to them."""
