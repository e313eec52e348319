"""What has to be done to a machine: a plan, decided by pure functions."""
