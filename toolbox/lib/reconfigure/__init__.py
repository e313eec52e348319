"""Bringing a running machine to what its config says: from desire over look and plan to deed."""
