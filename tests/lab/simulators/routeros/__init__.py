"""A MikroTik router of the lab, as RouterOS 7 shows itself; README.md says what it does not model."""
