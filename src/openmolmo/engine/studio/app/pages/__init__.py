"""The pages, one file each: what they show, and what their forms change. Work itself goes through ``leases.py``."""
