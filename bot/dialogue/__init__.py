"""The conversation: Rasa's dialogue core inside our own process, with a small intent model of our own."""
