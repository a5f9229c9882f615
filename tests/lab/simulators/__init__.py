"""Network devices of the lab: one folder a platform, and what they share.

What they share: `device` (one device's life), `ssh` (its SSH server), `enforcement`, `users`, `faults`, `timers`,
`control` (what a test may do to it) and `process` (the program that is the device, and its starter).
"""
