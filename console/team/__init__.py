"""The teams: who is on call and who is not covered, when they work, who has how much in hand, who belongs to them, handing over."""

from console.team.hand_over import ROUTES as HAND_OVER
from console.team.hours import ROUTES as HOURS
from console.team.members import ROUTES as MEMBERS
from console.team.rota import ROUTES as ROTA

ROUTES = (*ROTA, *HOURS, *MEMBERS, *HAND_OVER)
