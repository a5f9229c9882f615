"""Juniper Junos OS."""
