"""Recipes: what their runs tell, what is wrong with them, what they take."""

EVENTS = {
    "tracker_missing": "{tracker} is not installed in {python}: nothing is reported to it. Name it in env.packages",
}
