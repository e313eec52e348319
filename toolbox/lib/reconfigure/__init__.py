"""Bringing a running machine to what its config says: desired state, plan, engines, history."""
