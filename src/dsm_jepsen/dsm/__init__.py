"""The reference system: state charts, the ensemble that shares one, and the stores it can live on."""
