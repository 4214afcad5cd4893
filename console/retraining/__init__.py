"""Retraining of the assistant without a developer: label, check, train, compare, publish, go back."""

from console.page import of_whole
from console.retraining import checks, examples, label, training, versions

ROUTES = of_whole(*label.ROUTES, *examples.ROUTES, *checks.ROUTES, *training.ROUTES, *versions.ROUTES)
