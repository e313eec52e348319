"""The place where the toolbox runs: what it has and what it can do."""
