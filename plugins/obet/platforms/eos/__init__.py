"""Arista EOS: its management services with access lists of their own, per VRF, changed in one configuration session."""
