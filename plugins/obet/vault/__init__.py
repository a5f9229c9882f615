"""The only user of hvac: sessions, what Vault is to hold, the secrets of devices."""
