"""Tables that a hospital exports by hand (CSV), read into rows of text. Knows no patient and no meaning of a column."""
