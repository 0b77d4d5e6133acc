"""The controller: reconciles what the person asked for with what the hosts report. See docs/controller.md."""
