"""Tracardi's dialect: its payload (`payload`, `meanings`), its answers (`answers`), and what lies between (`calls`)."""
