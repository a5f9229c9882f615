"""The only user of SSH towards devices: identities, probes, logins that must fail."""
