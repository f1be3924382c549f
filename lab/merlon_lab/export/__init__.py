"""Run folder → files that `merlon build` takes."""
