"""RouterOS 7: its firewall, its services, and what else lets somebody in."""
