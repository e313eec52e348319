"""What everything else stands on: errors, programs, steps, secrets, files."""
