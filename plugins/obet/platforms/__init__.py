"""One folder a platform: `rules` renders a policy; `proof` reads back what runs and shares none of its code."""
