"""What this place can do and what it lacks, each lack with the one thing that mends it."""
