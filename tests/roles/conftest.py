"""A lab whose servers are as their customers handed them over."""

from life_support import provisioned

__all__ = ["provisioned"]
