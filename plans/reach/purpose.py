"""What a message to a family is for, and what follows from that."""

# What the hospital begins by itself. All else (replies, alerts, what a clinician answers, what goes with a hand-over) follows from
# something that happened in the chat, and nothing holds it back.
PROACTIVE = frozenset({"task", "reminder", "push", "mass", "content", "survey", "news"})
# Of two that want the same family, the first goes first. Follow-ups before what a clinician pushes, education and surveys last.
ORDER = ("task", "reminder", "push", "news", "mass", "content", "survey")
# What has no hour of its own waits for the family's.
ANY_HOUR = frozenset({"push", "news", "mass", "content", "survey"})


def is_proactive(purpose: str) -> bool:
    """Whether quiet hours, the budget, the family's stop and the reserve of the window hold for a message of this purpose."""
    return purpose in PROACTIVE
