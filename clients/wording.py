"""Answers and flags in words, for the pages that show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clients.models import BodyRegion, Question, QuestionType, Route
from clients.triage import Flags, Pressure, Severity

#: What a client is told, by severity: a word for the shape beside it, and a sentence.
TOLD = {
    Severity.NONE: (
        "ready",
        gettext_lazy("All good"),
        gettext_lazy("Thank you. There is nothing we need to ask before your session."),
    ),
    Severity.ADAPT: (
        "adapt",
        gettext_lazy("Adjusted for you"),
        gettext_lazy("Thank you. We will keep pressure gentle where it matters; your therapist sees what to look out for."),
    ),
    Severity.REVIEW: (
        "review",
        gettext_lazy("Your therapist will check this"),
        gettext_lazy("Thank you. Your therapist reads your answers before the session and will check some of them with you."),
    ),
    Severity.STOP: (
        "hold-on",
        gettext_lazy("Please see a doctor first"),
        gettext_lazy("Something you told us needs a doctor's word before a session. Your time stays yours meanwhile."),
    ),
}
#: The most that may be used, for the therapist; None where nothing limits it.
PRESSURES = {
    Pressure.NONE: gettext_lazy("no pressure at all"),
    Pressure.LIGHT: gettext_lazy("light, 1 to 3"),
    Pressure.MEDIUM: gettext_lazy("medium, 4 to 5"),
    Pressure.FIRM: gettext_lazy("firm, 6 to 7"),
    Pressure.INTENSE: gettext_lazy("intense, 8"),
    None: gettext_lazy("no limit"),
}
#: A pressure that was used, with its kind.
USED = {
    Pressure.LIGHT: gettext_lazy("%(n)s, light"),
    Pressure.MEDIUM: gettext_lazy("%(n)s, medium"),
    Pressure.FIRM: gettext_lazy("%(n)s, firm"),
    Pressure.INTENSE: gettext_lazy("%(n)s, intense"),
}
YES_NO = {"yes": gettext_lazy("yes"), "no": gettext_lazy("no"), "unsure": gettext_lazy("not sure")}


def pressure_in_words(used: int) -> str:
    """5, medium; from 1 to 8."""
    return USED[Pressure.kind_of(used)] % {"n": used}


def in_words(question: Question, value: Any, regions: Mapping[str, BodyRegion]) -> list[str]:
    """An answer as lines of text; a list gives one line an item."""
    match question.type:
        case QuestionType.DATE:
            return [day_in_words(value)]
        case QuestionType.MULTI:
            return [question.label_of(each) for each in value]
        case QuestionType.BODY_MAP:
            return spots_in_words(value, regions)
        case QuestionType.MEDICATION_LIST:
            return [_medicine(item, regions) for item in value]
        case QuestionType.REPEAT_GROUP:
            return [_dated(question, item, regions) for item in value]
        case QuestionType.ACTIVITY_SCORES:
            return [_("%(name)s: %(score)s of 10") % {"name": item["name"], "score": item["score"]} for item in value]
        case QuestionType.CONSENT:
            return [_("I agree")]
        case QuestionType.SIGNATURE:
            return [_("%(name)s, %(day)s") % {"name": value["name"], "day": day_in_words(value["on"])}]
        case QuestionType.SCALE:
            return [_("%(score)s of 10") % {"score": value}]
    return [question.label_of(str(value))]


def day_in_words(text: str) -> str:
    """3 May 2019, May 2019 or 2019; what is no date stays as it is."""
    parts = text.split("-")
    try:
        numbers = [int(part) for part in parts]
        if len(numbers) == 1:
            return str(numbers[0])
        return date_format(date(*[*numbers, 1][:3]), "j F Y" if len(numbers) == 3 else "F Y")
    except ValueError:
        return text or _("date not known")


def place_in_words(code: str, regions: Mapping[str, BodyRegion]) -> str:
    return regions[code].label if code in regions else ""


def spots_in_words(spots: Sequence[Mapping[str, Any]], regions: Mapping[str, BodyRegion]) -> list[str]:
    return [_spot(item, regions) for item in spots]


def _spot(item: Mapping[str, Any], regions: Mapping[str, BodyRegion]) -> str:
    pain = item.get("pain")
    facts = [
        place_in_words(item["region"], regions),
        _("pain %(pain)s of 10") % {"pain": pain} if pain is not None else "",
        _("spreads to %(where)s") % {"where": item["spreads_to"]} if item.get("spreads_to") else "",
    ]
    return ", ".join(fact for fact in facts if fact)


def _medicine(item: Mapping[str, Any], regions: Mapping[str, BodyRegion]) -> str:
    facts = [
        item["name"],
        str(Route(item["route"]).label) if item.get("route") else "",
        "" if item.get("listed", True) else _("not in our list"),
        _("for %(reason)s") % {"reason": item["reason"]} if item.get("reason") else "",
        _("since %(since)s") % {"since": item["since"]} if item.get("since") else "",
        _("last: %(last)s") % {"last": item["last_taken"]} if item.get("last_taken") else "",
        place_in_words(item.get("site_region", ""), regions),
    ]
    return ", ".join(fact for fact in facts if fact)


def _dated(question: Question, item: Mapping[str, Any], regions: Mapping[str, BodyRegion]) -> str:
    said = {"seen_by_clinician": _("seen by a clinician"), "still_hurts": _("still hurts"), "metalwork": _("metal parts"),
            "cleared": _("cleared by the surgeon")}  # fmt: skip
    facts = [
        question.label_of(item.get("kind", "")),
        place_in_words(item.get("region", ""), regions),
        day_in_words(item.get("date", "")),
        *(f"{label}: {YES_NO[item[name]]}" for name, label in said.items() if item.get(name) in YES_NO),
    ]
    return ", ".join(str(fact) for fact in facts if fact)


def messages_of(flags: Flags) -> Sequence[str]:
    """What the rules and classes say to the client, the most severe first, each once."""
    by_severity = sorted(flags.reasons, key=lambda reason: -reason.severity)
    return list(dict.fromkeys(reason.message for reason in by_severity if reason.message))
