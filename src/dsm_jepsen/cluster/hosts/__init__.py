"""Hosts reached by commands, and the cluster that runs on five of them, containers or machines over SSH."""
