"""The inventory: hosts, what is known of them, and how to reach them."""
