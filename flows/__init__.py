"""When and where the pipeline runs: Prefect flows and their deployments."""
