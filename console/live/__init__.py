"""Pages hear at once of what changes elsewhere: one look at the database a second, however many pages are open."""
