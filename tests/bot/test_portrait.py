"""`careloop patient`: the portrait in lines, and as a Bundle."""

from bot.portrait import MOST_OF_A_KIND, everything, in_lines
from tests.integrations.fhir.valid import check
from tests.tagging.portrait.conftest import Ward, furnish, ward

__all__ = ["ward"]

BASE = "https://hospital.example/fhir"


async def test_the_bundle_is_valid_and_leaves_private_things_inside(ward: Ward) -> None:
    await furnish(ward)
    await ward.tagged("secret", team=ward.team, shared=False)
    await ward.tx.flush()
    bundle = await everything(ward.tx, ward.child.id, BASE)
    check(bundle)
    kinds = [each["resource"]["resourceType"] for each in bundle["entry"]]
    assert kinds.count("Patient") == 1
    assert {"Observation", "Condition", "Encounter", "CarePlan", "Task", "Flag"} <= set(kinds)
    assert all(each["fullUrl"] == f"{BASE}/{each['resource']['resourceType']}/{each['resource']['id']}" for each in bundle["entry"])
    assert "secret" not in str(bundle)


async def test_of_each_kind_the_latest_are_in_it(ward: Ward) -> None:
    for n in range(MOST_OF_A_KIND + 5):
        ward.measured("temperature", 37.0, n)
    await ward.tx.flush()
    bundle = await everything(ward.tx, ward.child.id, BASE)
    assert sum(each["resource"]["resourceType"] == "Observation" for each in bundle["entry"]) == MOST_OF_A_KIND


async def test_the_lines_say_the_gist(ward: Ward) -> None:
    await furnish(ward)
    told = "\n".join(in_lines(await ward.seen_by(ward.lin)))
    assert "小满 A1  女  2026-06-01" in told and "早产儿 P07.3" in told and "体重：6 kg，Z值" in told
