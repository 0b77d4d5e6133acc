"""Recipes: what their runs tell, what is wrong with them, what they take."""

EVENTS = {
    "tracker_missing": "{tracker} is not installed in {python}: nothing is reported to it. Name it in env.packages",
    "tracker_failed": "{tracker} failed, and nothing more is reported to it; lt's own metrics have it all: {why}",
}

PHRASES = {
    "estimate_total_cpu": "{total} on the CPU, beside Python and what it imports; {parameters} weights, {trained} of "
    "them trained",
    "estimate_no_past": "No run of this kind has succeeded yet: what it takes in time is not known[; it has "
    "{steps} steps].",
    "estimate_peak": "Measured: {peak:size} at the peak of {job} on {host}[, {reserved:size} held by the "
    "allocator][; by such runs this one takes about {calibrated:size}].",
    "estimate_step_time": "Time: {per_step:.3g} s a step and {start_up:time} before the first one, by {job} on "
    "{host}. How many steps is not known: the data lies elsewhere.",
    "estimate_time": "Time: about {seconds:time} for {steps} steps at {per_step:.3g} s, by {job} on "
    "{host}[. Cost: about {cost} at {price}/h].",
}
