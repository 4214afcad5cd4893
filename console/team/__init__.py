"""The teams: who is on call and who is not covered, who has how much in hand, who belongs to them, and handing work over."""

from console.team.hand_over import ROUTES as HAND_OVER
from console.team.members import ROUTES as MEMBERS
from console.team.rota import ROUTES as ROTA

ROUTES = (*ROTA, *MEMBERS, *HAND_OVER)
