"""The administrators' pages: people and rights, audit, interfaces, the installation, and what steers care."""

from console.admin.audit import ROUTES as AUDIT
from console.admin.audit_chain import ROUTES as AUDIT_CHAIN
from console.admin.erasure import ROUTES as ERASURE
from console.admin.export import ROUTES as EXPORT
from console.admin.feeds import ROUTES as FEEDS
from console.admin.minors_audit import ROUTES as MINORS
from console.admin.people import ROUTES as PEOPLE
from console.admin.person import ROUTES as PERSON
from console.admin.reach import ROUTES as REACH
from console.admin.retention import ROUTES as RETENTION
from console.admin.roles import ROUTES as ROLES
from console.admin.rules import ROUTES as RULES
from console.admin.system import ROUTES as SYSTEM
from console.admin.tags import ROUTES as TAGS
from console.admin.teams import ROUTES as TEAMS
from console.admin.triage import ROUTES as TRIAGE
from console.page import of_whole
from console.sending import ROUTES as SENDING

WHOLE = of_whole(*PEOPLE, *PERSON, *ROLES, *TEAMS, *AUDIT, *AUDIT_CHAIN, *MINORS, *RETENTION, *FEEDS, *SYSTEM, *SENDING, *REACH)
ROUTES = (*WHOLE, *RULES, *TAGS, *TRIAGE, *EXPORT, *ERASURE)
