"""Management access: the policy, its text for each platform, and the proof of that text."""
