"""Proof: what was asked afresh of devices and of Vault, promise by promise."""
