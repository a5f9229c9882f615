"""Linux: nftables."""
