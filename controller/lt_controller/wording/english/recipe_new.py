"""`lt recipe new`: its questions and what can go wrong."""

ERRORS = {
    "host_and_recipe_swapped": (
        "{host} is a host, and {recipe} is none: the host comes first.",
        "lt submit {host} {recipe}",
    ),
    "recipe_new_needs": (
        "Without a terminal nothing can be asked: {options} is missing.",
        "lt recipe new --help tells the options",
    ),
    "data_type_unknown": (
        "{path} looks like no type of data that is known here[; its columns: {columns}].",
        "name the type and the columns in a recipe yourself: docs/recipes.md, datasets",
    ),
    "wrong_data": (
        "{path} looks like {type}, and {method} learns from {suits}.",
        "leave --method out, and what suits the data is proposed",
    ),
    "no_such_method": (
        "There is no method {method}; there are {known}.",
        "lt recipe ls shows a recipe for each",
    ),
    "not_written": (
        "{path} can't be written: {why}.",
        "name another place: --out FILE",
    ),
}

PHRASES = {
    "new_ask_data": "Your data (a file, a folder, host:/path or a hub id)",
    "new_seen_data": "{path}: {rows} rows of type {type}[; its columns: {columns}]",
    "new_ask_method": "Method",
    "new_ask_host": "Host it shall run on (empty: none yet)",
    "new_ask_host_known": "Hosts: {hosts}",
    "new_seen_gpu": "{host}: a GPU with {memory:size}",
    "new_ask_model": "Model (a hub id or a folder)",
    "new_ask_adapter": "Adapter",
    "new_ask_name": "Name of the recipe",
    "new_any_host": "a GPU of 24 GB",
    "new_title": "{method} of {model} on {data}, for {host}.",
    "new_check": "Check it: lt recipe check {file}   What it takes: lt estimate {file}",
    "new_run": "Run it: lt submit {host} {file}",
}
