"""The vLLM engine: servers of our own or by URL, token in and token out, adapters swapped."""
