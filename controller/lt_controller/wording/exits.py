"""Which exit code an error has: 1 it failed, 2 used wrongly, 3 a host can't be reached, 4 there is no such thing."""

from __future__ import annotations

FAILED, USAGE, UNREACHABLE, NOT_FOUND = 1, 2, 3, 4

_EXITS = {
    **dict.fromkeys(
        (
            "ambiguous_job",
            "bad_dataset",
            "bad_host_name",
            "bad_job_name",
            "bad_name",
            "bad_pattern",
            "bad_port",
            "bad_priority",
            "bad_size",
            "bad_recipe",
            "bad_time",
            "data_type_unknown",
            "no_such_method",
            "recipe_new_needs",
            "wrong_data",
            "empty_dataset",
            "empty_folder",
            "file_exists",
            "folder_too_big",
            "host_exists",
            "host_setting_invalid",
            "config_invalid",
            "hosts_file_invalid",
            "host_is_jump",
            "no_such_setting",
            "nothing_to_change",
            "key_not_confirmed",
            "name_taken",
            "no_command",
            "not_a_file",
            "not_a_recipe",
            "bad_pattern_re",
            "raw_to_terminal",
        ),
        USAGE,
    ),
    **dict.fromkeys(
        (
            "host_unreachable",
            "host_key_changed",
            "host_key_unknown",
            "host_no_python",
            "fingerprint_differs",
            "bad_jump",
            "key_encrypted",
            "key_missing",
            "key_permissions",
            "key_public",
            "key_unreadable",
            "forward_ended",
            "forward_failed",
            "key_not_accepted",
            "login_cancelled",
            "login_closed",
            "login_failed",
            "login_needed",
            "login_no_terminal",
            "login_unanswered",
            "login_wrong",
            "passphrase_wrong",
            "transfer_failed",
        ),
        UNREACHABLE,
    ),
    **dict.fromkeys(
        (
            "checkpoint_gone",
            "job_removed",
            "no_metrics",
            "no_output",
            "no_such_attempt",
            "no_such_checkpoint",
            "no_such_folder",
            "no_such_host",
            "no_such_job",
            "no_such_path",
        ),
        NOT_FOUND,
    ),
}


def exit_code(code: str) -> int:
    """The exit code of a command that ends with this error."""
    return _EXITS.get(code, FAILED)
