"""Patients' tags as 企业标签 on the families that clinicians have as friends in WeCom. A mirror: our records are the truth, and what
WeCom holds in our groups is brought to it; tags of other groups are not touched."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.texts import say
from integrations.wecom import corp_tag, external_contact
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from records.patient import Carer, Patient, PatientCarer
from records.staff import Staff, TeamMember
from records.tag import CARRIED, PatientTag, Tag

# wecom-api §5.2: at most 3000 tags a corp; a page of customers is of at most 100 members and 100 customers.
MOST_TAGS, MEMBERS, PAGE = 3000, 100, 100
# Computed tags change every day, and nobody in WeCom needs them.
KINDS = ("diagnosis", "treatment", "management")

# A member and a customer, and the names of tags there by kind.
Pair = tuple[str, str]
Name = tuple[str, str]


@dataclass
class Difference:
    """What WeCom lacks and has too much. `new` are tags to be made; `left_out` those for which the corp has no room."""

    new: list[Name] = field(default_factory=list)
    left_out: list[Name] = field(default_factory=list)
    add: dict[Pair, list[Name]] = field(default_factory=dict)
    remove: dict[Pair, list[Name]] = field(default_factory=dict)
    pairs: int = 0

    @property
    def nothing(self) -> bool:
        """Whether both are the same."""
        return not (self.new or self.add or self.remove)


@dataclass
class Mirrored:
    """What was done: pairs brought up to date, and those that WeCom refused, by our class of the error."""

    changed: int = 0
    refused: Counter[str] = field(default_factory=Counter)


@dataclass
class Mirror:
    """What WeCom holds: our groups with their tags by name, and which of them each pair carries."""

    ids: dict[Name, str]
    tags: int
    held: dict[Pair, set[Name]]


async def read_mirror(client: WecomClient, members: Collection[str], kinds: Iterable[str]) -> Mirror:
    """What WeCom holds about these members' customers. Raises WecomError."""
    groups = {say(f"tag_mirror.group.{kind}"): kind for kind in kinds}
    ids: dict[Name, str] = {}
    known = await corp_tag.get_corp_tag_list(client)
    for group in known:
        if (kind := groups.get(group.group_name)) is not None:
            ids |= {(kind, tag.name): tag.id for tag in group.tag if not tag.deleted}
    names = {id: name for name, id in ids.items()}
    following = [userid for userid in await external_contact.get_follow_user_list(client) if userid in members]
    held: dict[Pair, set[Name]] = {}
    for start in range(0, len(following), MEMBERS):
        for each in await _customers(client, following[start : start + MEMBERS]):
            pair = each.follow_info.userid, each.external_contact.external_userid
            held[pair] = {names[id] for id in each.follow_info.tag_id if id in names}
    return Mirror(ids, sum(len(group.tag) for group in known), held)


async def _customers(client: WecomClient, members: list[str]) -> list[external_contact.FollowedContact]:
    """All customers of these members. WeCom may refuse a member without any (84061): then each is asked about alone."""
    found: list[external_contact.FollowedContact] = []
    cursor = ""
    while True:
        try:
            page = await external_contact.batch_get_by_user(client, members, cursor=cursor, limit=PAGE)
        except WecomError as err:
            if err.code != "not_a_friend":
                raise
            alone = members if len(members) > 1 else []
            return [each for member in alone for each in await _customers(client, [member])]
        found += page.external_contact_list
        if not (cursor := page.next_cursor):
            return found


async def wanted(tx: AsyncSession, kinds: Iterable[str]) -> dict[Pair, set[Name]]:
    """Which tags each clinician's view of each carer should carry: shared ones of children who are in his care and theirs."""
    query = (
        select(Staff.userid, Carer.external_userid, Tag.kind, Tag.name)
        .join(TeamMember, TeamMember.staff_id == Staff.id)
        .join(Patient, Patient.team_id == TeamMember.team_id)
        .join(PatientCarer, PatientCarer.patient_id == Patient.id)
        .join(Carer, Carer.id == PatientCarer.carer_id)
        .join(PatientTag, PatientTag.patient_id == Patient.id)
        .join(Tag, Tag.id == PatientTag.tag_id)
        .where(Staff.active, Carer.external_userid.is_not(None), Tag.shared, Tag.kind.in_(list(kinds)))
        .where(PatientTag.until.is_(None), PatientTag.state.in_(CARRIED))
    )
    found: dict[Pair, set[Name]] = defaultdict(set)
    for userid, external_userid, kind, name in await tx.execute(query):
        if external_userid is not None:
            found[userid, external_userid].add((kind, name))
    return found


def differences(mirror: Mirror, wanted: Mapping[Pair, set[Name]]) -> Difference:
    """What is to be done so that WeCom says what we do, about pairs that are friends. The tags that most carry get the room there is."""
    friends = {pair: wanted.get(pair, set()) for pair in mirror.held}
    counts = Counter(name for names in friends.values() for name in names)
    lacking = [name for name, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0])) if name not in mirror.ids]
    room = max(0, MOST_TAGS - mirror.tags)
    found = Difference(new=lacking[:room], left_out=lacking[room:], pairs=len(friends))
    for pair, names in friends.items():
        if add := sorted(names - mirror.held[pair] - set(found.left_out)):
            found.add[pair] = add
        if remove := sorted(mirror.held[pair] - names):
            found.remove[pair] = remove
    return found


async def bring_up_to_date(client: WecomClient, mirror: Mirror, difference: Difference) -> Mirrored:
    """Make the missing tags and mark the pairs. A pair that WeCom refuses for good (no friends any more, 84061) is counted and passed
    over. Raises WecomError for what concerns all of them: a limit of calls, a right that is missing."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, name in difference.new:
        by_kind[kind].append(name)
    for kind, names in by_kind.items():
        # Equal names in a group are merged by WeCom, so a repeat is harmless.
        made = await corp_tag.add_corp_tag(client, [(name, 0) for name in names], group_name=say(f"tag_mirror.group.{kind}"))
        mirror.ids |= {(kind, tag.name): tag.id for tag in made.tag}
    done = Mirrored()
    for pair in {**difference.add, **difference.remove}:
        add = [mirror.ids[name] for name in difference.add.get(pair, ()) if name in mirror.ids]
        remove = [mirror.ids[name] for name in difference.remove.get(pair, ())]
        if not add and not remove:
            continue
        try:
            await corp_tag.mark_tag(client, *pair, add=add, remove=remove)
        except WecomError as err:
            if err.code not in ("not_a_friend", "no_recipient", "bad_request"):
                raise
            done.refused[err.code] += 1
        else:
            done.changed += 1
    return done


def described(difference: Difference) -> list[str]:
    """The report in lines; families by their external_userid, never by name."""
    lines = [say("tag_mirror.pairs", pairs=difference.pairs, differing=len({**difference.add, **difference.remove}))]
    if difference.new:
        lines.append(say("tag_mirror.new", names="、".join(name for _, name in difference.new)))
    if difference.left_out:
        lines.append(say("tag_mirror.left_out", most=MOST_TAGS, names="、".join(name for _, name in difference.left_out)))
    for pair in sorted({**difference.add, **difference.remove}):
        signs = [f"+{name}" for _, name in difference.add.get(pair, ())] + [f"-{name}" for _, name in difference.remove.get(pair, ())]
        lines.append(f"  {pair[0]} {pair[1]}  {' '.join(signs)}")
    return lines
