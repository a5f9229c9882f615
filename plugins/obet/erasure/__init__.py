"""The end of access: a journal that makes every step resumable."""
