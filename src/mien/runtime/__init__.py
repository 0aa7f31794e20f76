"""Executors of the pipeline's steps: order, batching, interruption and progress; no measuring of their own."""
