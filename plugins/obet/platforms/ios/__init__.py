"""Cisco IOS and IOS-XE: its configuration text, and the proof of what a device shows as running."""
