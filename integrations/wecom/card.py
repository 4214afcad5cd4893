"""Template cards (模板卡片) for members: the five types and their pieces, with WeCom's limits (doc:90236, errcodes 42027-42051).

A badly formed card often fails with another piece's number, so it is checked here. All raise ``bad_request`` or ``too_large``.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from integrations.wecom.checks import check_bytes, check_count, check_unique, check_url
from integrations.wecom.errors import bad_request

Piece = dict[str, Any]

# The most entries of each list, and the key that must differ within it.
_LISTS: dict[str, tuple[int, str | None]] = {
    "horizontal_content_list": (6, None),
    "vertical_content_list": (4, None),
    "jump_list": (3, None),
    "button_list": (6, "key"),
    "select_list": (3, "question_key"),
}

# What each type needs; "a|b" means one of the two.
_NEEDS: dict[str, tuple[str, ...]] = {
    "text_notice": ("main_title|sub_title_text", "card_action"),
    "news_notice": ("main_title", "card_image|image_text_area", "card_action"),
    "button_interaction": ("main_title", "button_list", "task_id"),
    "vote_interaction": ("main_title", "checkbox", "submit_button", "task_id"),
    "multiple_interaction": ("main_title", "select_list", "submit_button", "task_id"),
}


def text_notice(**pieces: Any) -> Piece:
    """Words with a link: ``card_action`` and ``main_title`` or ``sub_title_text``; may have emphasis_content, quote_area, lists."""
    return check_card({"card_type": "text_notice", **pieces})


def news_notice(**pieces: Any) -> Piece:
    """A picture with a link: ``main_title`` (with title), ``card_image`` or ``image_text_area``, ``card_action``."""
    return check_card({"card_type": "news_notice", **pieces})


def button_interaction(*, main_title: Piece, button_list: Sequence[Piece], task_id: str, **pieces: Any) -> Piece:
    """1..6 buttons whose click comes back with ``task_id``; may have button_selection, quote_area, horizontal_content_list."""
    return check_card(
        {"card_type": "button_interaction", "main_title": main_title, "button_list": list(button_list), "task_id": task_id, **pieces}
    )


def vote_interaction(*, main_title: Piece, checkbox: Piece, submit_button: Piece, task_id: str, **pieces: Any) -> Piece:
    """One question with 1..20 options and a submit button."""
    named = {"main_title": main_title, "checkbox": checkbox, "submit_button": submit_button, "task_id": task_id}
    return check_card({"card_type": "vote_interaction", **named, **pieces})


def multiple_interaction(*, main_title: Piece, select_list: Sequence[Piece], submit_button: Piece, task_id: str, **pieces: Any) -> Piece:
    """1..3 selectors and a submit button."""
    named = {"main_title": main_title, "select_list": list(select_list), "submit_button": submit_button, "task_id": task_id}
    return check_card({"card_type": "multiple_interaction", **named, **pieces})


def title(text: str, desc: str = "") -> Piece:
    """``main_title``; WeCom advises at most 36 and 44 characters and cuts the sight of more."""
    return {"title": text, "desc": desc} if desc else {"title": text}


def button(text: str, key: str, style: int = 1) -> Piece:
    """A button that calls back with ``key`` (≤1024 bytes); style 1..4."""
    return {"text": text, "key": key, "style": style, "type": 0}


def link_button(text: str, url: str, style: int = 2) -> Piece:
    """A button that opens ``url``; the card stays as it is."""
    return {"text": text, "url": url, "style": style, "type": 1}


def row(keyname: str, value: str, *, userid: str | None = None, url: str | None = None) -> Piece:
    """A line of ``horizontal_content_list``: plain, a member (``userid``) or a link (``url``)."""
    if userid is not None:
        return {"keyname": keyname, "value": value, "type": 3, "userid": userid}
    return {"keyname": keyname, "value": value, "type": 1, "url": url} if url is not None else {"keyname": keyname, "value": value}


def open_url(url: str) -> Piece:
    """``card_action``: a tap on the card opens ``url``."""
    return {"type": 1, "url": url}


def selection(question_key: str, title: str, options: Mapping[str, str], selected_id: str | None = None) -> Piece:
    """A selector for ``button_selection`` or ``select_list``; ``options`` {id: text}, 1..10."""
    listed = [{"id": key, "text": text} for key, text in options.items()]
    piece: Piece = {"question_key": question_key, "title": title, "option_list": listed}
    return {**piece, "selected_id": selected_id} if selected_id is not None else piece


def checkbox(question_key: str, options: Mapping[str, str], *, multiple: bool = False, checked: Sequence[str] = ()) -> Piece:
    """The question of a vote; ``options`` {id: text}, 1..20."""
    listed = [{"id": key, "text": text, "is_checked": key in checked} for key, text in options.items()]
    return {"question_key": question_key, "mode": int(multiple), "option_list": listed}


def submit_button(text: str, key: str) -> Piece:
    """The button of a vote or of selectors; its key comes back as EventKey."""
    return {"text": text, "key": key}


def check_card(card: Piece) -> Piece:
    """``card`` if it keeps all limits of its type."""
    card_type = card.get("card_type")
    for need in _NEEDS.get(str(card_type), ("a known card_type",)):
        if not any(card.get(name) for name in need.split("|")):
            raise bad_request(f"{card_type}: needs {need}")
    for name, (most, key) in _LISTS.items():
        if name in card:
            entries = check_count(name, card[name], most, 1)
            if key:
                check_unique(name, entries, key)
    _check_title(card)
    _check_task(card)
    _check_action(card)
    _check_buttons(card)
    _check_options(card)
    return card


def _check_title(card: Piece) -> None:
    main = card.get("main_title") or {}
    if card["card_type"] == "news_notice" and not main.get("title"):
        raise bad_request("main_title: needs title")
    if main and not (main.get("title") or main.get("desc")):
        raise bad_request("main_title: needs title or desc")


def _check_task(card: Piece) -> None:
    if "action_menu" in card:
        actions = check_count("action_menu.action_list", card["action_menu"].get("action_list", ()), 3, 1)
        check_unique("action_menu.action_list", actions, "key")
        if not card.get("task_id"):
            raise bad_request("action_menu: needs task_id")
    task_id = card.get("task_id")
    if task_id is not None and not re.fullmatch(r"[0-9A-Za-z_@-]{1,128}", task_id):
        raise bad_request("task_id: 1..128 of 0-9A-Za-z_@-")


def _check_action(card: Piece) -> None:
    action = card.get("card_action")
    if action is None:
        return
    if action.get("type") == 1:
        check_url("card_action.url", action.get("url", ""))
    elif action.get("type") != 2 or not action.get("appid"):
        raise bad_request("card_action: type 1 with url or 2 with appid")


def _check_buttons(card: Piece) -> None:
    for each in [*card.get("button_list", ()), *([card["submit_button"]] if "submit_button" in card else [])]:
        check_bytes("button.text", each.get("text", ""), 64, 1)
        if each.get("type", 0) == 1:
            check_url("button.url", each.get("url", ""))
        else:
            check_bytes("button.key", each.get("key", ""), 1024, 1)
        if each.get("style", 1) not in (1, 2, 3, 4):
            raise bad_request("button.style: 1..4")


def _check_options(card: Piece) -> None:
    questions = [(each, 10) for each in card.get("select_list", ())]
    questions += [(card["button_selection"], 10)] if "button_selection" in card else []
    questions += [(card["checkbox"], 20)] if "checkbox" in card else []
    for question, most in questions:
        check_bytes("question_key", question.get("question_key", ""), 1024, 1)
        options = check_count("option_list", question.get("option_list", ()), most, 1)
        check_unique("option_list", options, "id")
        for option in options:
            check_bytes("option.id", option.get("id", ""), 128, 1)
            check_bytes("option.text", option.get("text", ""), 256, 1)
        if question.get("selected_id") not in (None, *(option["id"] for option in options)):
            raise bad_request("selected_id: not among the options")
