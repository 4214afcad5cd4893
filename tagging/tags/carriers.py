"""How many patients carry each tag: counted where that is quick, and else reckoned from what the database knows of itself."""

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from records.tag import CARRIED, PatientTag, Tag

# Beyond so many rows counting would take longer than a page may.
COUNTED = 200_000
_ROWS = text("select greatest(reltuples, 0) from pg_class where oid = cast(:table as regclass)")
# What autovacuum keeps of the commonest tags of patients; one that is rarer than those is carried by few.
_SHARES = text("""
    select tag.code, round(share.of_all * rows.n) from pg_stats s
    cross join (select reltuples n from pg_class where oid = cast('patient_index' as regclass)) rows
    cross join lateral unnest(cast(cast(s.most_common_elems as text) as integer[]),
        s.most_common_elem_freqs[1:cardinality(cast(cast(s.most_common_elems as text) as integer[]))]) share (id, of_all)
    join tag on tag.id = share.id
    where s.schemaname = current_schema() and s.tablename = 'patient_index' and s.attname = 'tags'""")


async def carriers(tx: AsyncSession, *, counted: int = COUNTED) -> tuple[dict[str, int], bool]:
    """Patients by tag code, and whether they were counted: with more than `counted` tags on patients they are reckoned, roughly.

    Of a tag that is missing nobody, or next to nobody, carries it.
    """
    if (await tx.execute(_ROWS, {"table": "patient_tag"})).scalar_one() > counted:
        return {code: int(number) for code, number in await tx.execute(_SHARES)}, False
    open_ = (PatientTag.until.is_(None), PatientTag.state.in_(CARRIED))
    query = select(Tag.code, func.count()).join(PatientTag, PatientTag.tag_id == Tag.id).where(*open_).group_by(Tag.code)
    return dict((await tx.execute(query)).all()), True
