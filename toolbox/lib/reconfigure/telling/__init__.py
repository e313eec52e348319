"""What people are told: a plan in words and as data, a machine as Butane."""
