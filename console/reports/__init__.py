"""The reports: what the measures say of a period, by department, team and plan."""

from console.reports.show import ROUTES

__all__ = ["ROUTES"]
