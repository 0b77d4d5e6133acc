"""Trainers: the workers that import torch, one module a method."""
