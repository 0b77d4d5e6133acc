"""The worker of a recipe: the training itself, in the job's environment (`python -m lt_agent.trainers worker.json`).

The only part of the agent that imports torch and its friends, and only inside functions, so that reading a module costs
nothing. `docs/trainers.md` says what must stay true here.
"""
