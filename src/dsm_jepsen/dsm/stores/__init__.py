"""dsm/stores."""
