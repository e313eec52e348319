"""What a machine is: asking it, reading its answer, and what was changed by hand."""
