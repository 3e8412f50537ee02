"""Consistency testing for distributed state machines, simulated or on real clusters."""

__version__ = "0.1.0"
