"""The screens of pipelines."""
