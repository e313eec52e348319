"""Keys and certificates: what they are and how they are checked; no Pulumi."""
