"""What a run is told: the recipe and its YAML, and mergekit's YAML read as a recipe of ours."""
