"""What Hardlink's functions share: commands, decisions, store, reads."""
