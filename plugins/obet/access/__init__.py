"""Management access on any platform: the policy, what a proof finds, and the arithmetic that proofs share."""
