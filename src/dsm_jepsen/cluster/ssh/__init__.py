"""Machines over SSH, for runs on real hosts."""
