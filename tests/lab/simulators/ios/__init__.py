"""A Cisco IOS-XE switch: SSH console, SCP, a configuration tree, the archive. README.md says what it is not."""
