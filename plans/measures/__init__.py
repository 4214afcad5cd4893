"""What a hospital counts: each measure is defined once, here, as clinical reference §7 says."""
