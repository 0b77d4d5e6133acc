"""Telling people what happened: the settings, the words, the formats of the services, and the ways there."""
