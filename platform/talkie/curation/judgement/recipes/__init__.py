"""Recipes: what a corpus keeps, as YAML: crop, lengths, labels, scores and filters with their thresholds."""

from talkie.curation.judgement.recipes.recipe import CurationRecipe, changed, load_recipe, parse_recipe, recipe_names

__all__ = ["CurationRecipe", "changed", "load_recipe", "parse_recipe", "recipe_names"]
