"""Network devices of the lab: one folder a platform, and what they share.

What they share: `device` (one device's life), `ssh` (its SSH server), `enforcement`, `users`, `faults`, `timers`,
`control` (what a test may do to it; `control_server` its other end), `process` (the program that is the device) and
`simulator` (the lab's handle on it; like the rest of the lab it needs Python's standard library only).
"""
