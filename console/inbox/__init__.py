"""The inbox: chats with families, and what a clinician does in them."""

from console.inbox.act import ROUTES as ACT
from console.inbox.canned import ROUTES as CANNED
from console.inbox.view import ROUTES as VIEW

ROUTES = (*VIEW, *ACT, *CANNED)
