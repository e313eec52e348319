"""What is wanted: a project and its hosts, read from the files that people write."""
