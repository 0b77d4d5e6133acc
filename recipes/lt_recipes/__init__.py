"""Recipes: schema, loading, overrides, validation and the gallery."""
