"""Retraining by administrators: what was not understood is collected, labelled, checked, learned, compared, published and watched."""
