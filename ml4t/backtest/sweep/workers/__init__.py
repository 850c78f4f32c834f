"""Who runs the trials: threads, processes of this machine, Dask, Ray."""
