"""Mainland mobile numbers and nothing else."""

import pytest

from integrations.push import PushRefused
from integrations.sms.number import mobile


@pytest.mark.parametrize("written", ["13800138000", "+8613800138000", "+86 138 0013 8000", "0086-138-0013-8000", "138-0013-8000"])
def test_a_number_is_found_however_it_is_written(written: str) -> None:
    assert mobile(written) == "13800138000"


@pytest.mark.parametrize(
    "written", ["", "12800138000", "1380013800", "138001380000", "+85261234567", "010-66551122", "１３８００１３８０００", "妈妈"]
)
def test_any_other_number_is_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(PushRefused) as refused:
        mobile(written)
    assert (refused.value.code, refused.value.permanent) == ("bad_address", True)
    assert not written or written not in str(refused.value)
