"""The screens of sweeps."""
