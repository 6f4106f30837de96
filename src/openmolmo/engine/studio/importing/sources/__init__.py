"""Where pictures come from: one file a kind of source, each giving ``Found`` or ``Refused``; ``finding`` chooses."""
