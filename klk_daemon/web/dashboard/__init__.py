"""The dashboard: what it shows as values, words for it, pages made of them. It asks a backend, and nothing else."""
