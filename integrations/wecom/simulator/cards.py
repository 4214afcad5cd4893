"""Template cards: what each type must have, and the limits of its pieces."""

import re
from typing import Any

from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.simulator import Simulator
from integrations.wecom.simulator.validate import WITH_SCHEME, Flag, Int, Items, Number, Obj, Spec, Text

_URL = Text(pattern=WITH_SCHEME, invalid=45034)
_TITLE = Obj({"title": Text(), "desc": Text()})
_OPTION: dict[str, Spec] = {
    "id": Text(required=True, max_bytes=128, missing=42040, too_long=42040),
    "text": Text(required=True, missing=42041),
}
_QUESTION = Text(required=True, max_bytes=1024, missing=42043, too_long=42043)
_SELECTION: dict[str, Spec] = {
    "question_key": _QUESTION,
    "title": Text(),
    "selected_id": Text(),
    "disable": Flag(),
    "option_list": Items(Obj(_OPTION), required=True, lo=1, hi=10, missing=42037, size=42037),
}
_FIELDS: dict[str, Spec] = {
    "card_type": Text(required=True, missing=41016),
    "source": Obj({"icon_url": _URL, "desc": Text(), "desc_color": Int(hi=3)}),
    "action_menu": Obj(
        {
            "desc": Text(),
            "action_list": Items(Obj({"text": Text(required=True), "key": Text(required=True, max_bytes=1024)}), required=True, lo=1, hi=3),
        }
    ),
    "task_id": Text(max_bytes=128, pattern=re.compile(r"[0-9A-Za-z_@-]*"), too_long=42014, invalid=42014),
    "main_title": _TITLE,
    "sub_title_text": Text(),
    "emphasis_content": _TITLE,
    "quote_area": Obj(
        {"type": Int(hi=2), "url": _URL, "appid": Text(), "pagepath": Text(), "title": Text(), "quote_text": Text()},
    ),
    "horizontal_content_list": Items(
        Obj(
            {
                "keyname": Text(required=True, missing=42027),
                "value": Text(),
                "type": Int(hi=3),
                "url": _URL,
                "media_id": Text(),
                "userid": Text(),
            }
        ),
        hi=6,
        size=42035,
    ),
    "vertical_content_list": Items(Obj({"title": Text(required=True, missing=42033), "desc": Text()}), hi=4, size=42036),
    "jump_list": Items(
        Obj(
            {"type": Int(hi=2), "title": Text(required=True, missing=42033), "url": _URL, "appid": Text(), "pagepath": Text()},
        ),
        hi=3,
        size=42042,
    ),
    "card_action": Obj({"type": Int(hi=2), "url": _URL, "appid": Text(), "pagepath": Text()}),
    "card_image": Obj({"url": Text(required=True, missing=42044), "aspect_ratio": Number()}),
    "image_text_area": Obj(
        {
            "type": Int(hi=2),
            "url": _URL,
            "appid": Text(),
            "pagepath": Text(),
            "title": Text(),
            "desc": Text(),
            "image_url": Text(required=True, missing=42044),
        }
    ),
    "button_selection": Obj(_SELECTION),
    "button_list": Items(
        Obj(
            {
                "text": Text(required=True, missing=42038),
                "style": Int(lo=1, hi=4),
                "key": Text(max_bytes=1024, too_long=42039),
                "type": Int(hi=1),
                "url": _URL,
            }
        ),
        lo=1,
        hi=6,
        size=40016,
    ),
    "checkbox": Obj(
        {
            "question_key": _QUESTION,
            "mode": Int(hi=1),
            "disable": Flag(),
            "option_list": Items(Obj({**_OPTION, "is_checked": Flag()}), required=True, lo=1, hi=20, missing=42037, size=42037),
        }
    ),
    "select_list": Items(Obj(_SELECTION), lo=1, hi=3, size=42047),
    "submit_button": Obj(
        {"text": Text(required=True, missing=42049), "key": Text(required=True, max_bytes=1024, missing=42046, too_long=42046)},
    ),
}
CARD = Obj(_FIELDS)
UPDATED_CARD = Obj({**_FIELDS, "replace_text": Text()})
_COMMON = {"card_type", "source", "action_menu", "task_id", "main_title", "replace_text"}
_PIECES: dict[str, set[str]] = {
    "text_notice": {
        *("emphasis_content", "quote_area", "sub_title_text", "horizontal_content_list", "jump_list", "card_action"),
    },
    "news_notice": {
        *("card_image", "image_text_area", "quote_area"),
        *("vertical_content_list", "horizontal_content_list", "jump_list", "card_action"),
    },
    "button_interaction": {
        *("quote_area", "sub_title_text", "horizontal_content_list"),
        *("card_action", "button_selection", "button_list"),
    },
    "vote_interaction": {"checkbox", "submit_button"},
    "multiple_interaction": {"select_list", "submit_button"},
}
# What a card type cannot do without, and the code of its absence.
_NEEDS: dict[str, dict[str, int]] = {
    "text_notice": {"card_action": 42045},
    "news_notice": {"main_title": 41016, "card_action": 42045},
    "button_interaction": {"main_title": 41016, "button_list": 42038, "task_id": 42014},
    "vote_interaction": {"main_title": 41016, "checkbox": 42043, "submit_button": 42049, "task_id": 42014},
    "multiple_interaction": {"main_title": 41016, "select_list": 42047, "submit_button": 42049, "task_id": 42014},
}


def check_card(sim: Simulator, card: Any, *, update: bool = False) -> dict[str, Any]:
    """A card whose fields were checked against CARD, now as a whole; raises ApiError, often with another piece's code."""
    if not isinstance(card, dict) or not card:
        raise ApiError(41016)
    kind = card.get("card_type")
    if kind not in _PIECES:
        raise ApiError(42031)
    if sim.switches.strict_fields and (stray := card.keys() - _PIECES[kind] - _COMMON):
        raise ApiError(40058, f"{kind} has no {sorted(stray)[0]}")
    for name, code in _NEEDS[kind].items():
        if not card.get(name):
            raise ApiError(code, f"{kind} needs {name}")
    if kind == "text_notice" and not (_title(card) or card.get("sub_title_text")):
        raise ApiError(41016)
    if kind != "text_notice" and not _title(card):
        raise ApiError(41016)
    if kind == "news_notice" and not (card.get("card_image") or card.get("image_text_area")):
        raise ApiError(42044)
    if card.get("action_menu") and not card.get("task_id") and not update:
        raise ApiError(42014)
    _check_jumps(card)
    _check_keys(card)
    _check_horizontal(sim, card)
    return card


def _title(card: dict[str, Any]) -> str:
    return str((card.get("main_title") or {}).get("title") or "")


def _check_jumps(card: dict[str, Any]) -> None:
    places = [card.get("card_action"), card.get("quote_area"), card.get("image_text_area"), *card.get("jump_list", [])]
    for place in filter(None, places):
        if place.get("type") == 1 and not place.get("url"):
            raise ApiError(42028)
        if place.get("type") == 2 and not place.get("appid"):
            raise ApiError(42030)
    if card["card_type"].endswith("_notice") and card["card_action"].get("type") not in (1, 2):
        raise ApiError(42045)


def _check_keys(card: dict[str, Any]) -> None:
    keys = []
    for button in card.get("button_list", []):
        if button.get("type") == 1:
            if not button.get("url"):
                raise ApiError(42028)
        elif not button.get("key"):
            raise ApiError(42039)
        else:
            keys.append(button["key"])
    if len(keys) != len(set(keys)):
        raise ApiError(42039, "button_list.key must be unique")
    menu = [action["key"] for action in (card.get("action_menu") or {}).get("action_list", [])]
    if len(menu) != len(set(menu)):
        raise ApiError(42051)


def _check_horizontal(sim: Simulator, card: dict[str, Any]) -> None:
    for item in card.get("horizontal_content_list", []):
        if item.get("type") == 1 and not item.get("url"):
            raise ApiError(42028)
        if item.get("type") == 2 and not item.get("media_id"):
            raise ApiError(42029)
        if item.get("type") == 3 and item.get("userid") not in sim.world.members:
            raise ApiError(42050)


def has_callback(card: dict[str, Any]) -> bool:
    """Whether a tap on the card reaches the app, so that it can be updated."""
    return card["card_type"].endswith("_interaction") or bool(card.get("action_menu"))


def questions(card: dict[str, Any]) -> dict[str, tuple[set[str], bool]]:
    """Each question's options, and whether several may be chosen."""
    found: dict[str, tuple[set[str], bool]] = {}
    for question in filter(None, [card.get("checkbox"), card.get("button_selection"), *card.get("select_list", [])]):
        found[question["question_key"]] = ({option["id"] for option in question["option_list"]}, question.get("mode") == 1)
    return found
