"""A Cisco IOS-XE switch: SSH console, SCP, a configuration tree, the archive with its timers. README.md says what is not."""
