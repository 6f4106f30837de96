"""Programs that use the rooms as a user would; nothing imports them."""
