"""What a machine remembers: its record, its generations, what was begun on it."""
