"""Who gets what at every address: one row a URL, one column a person, asserted by tests/test_access.py.

A cell is the status for GET, then for POST; PUT, PATCH and DELETE are 405 for everybody everywhere. A URL without a row fails the
run. People: somebody not signed in, Ada (whose objects are asked for), Bo (another client), Tess (a therapist), Jonas (another
therapist), Finn (front desk), Mina (practice manager), Robin (superuser). Dora is a manager whose account was disabled while she
was signed in: she gets what somebody not signed in gets. Redirects are 302; a foreign or held-by-another object is 404, to
whoever asks. The pages of the desk's models have a table of their own below.
"""

from __future__ import annotations

PEOPLE = ("anonymous", "ada", "bo", "tess", "jonas", "finn", "mina", "robin")
DISABLED = "dora"

OPEN = dict.fromkeys(PEOPLE, (200, 200))
ALL_200_405 = dict.fromkeys(PEOPLE, (200, 405))
#: Ada's browser holds, hers is the booking; for everybody else neither exists
ADA_ONLY_PAGE = dict.fromkeys(PEOPLE, (404, 404)) | {"ada": (200, 302)}
ADA_ONLY_READ = dict.fromkeys(PEOPLE, (404, 405)) | {"ada": (200, 405)}

#: her health answers: anonymous people may sign in first, and for everybody else there is nothing
HER_FORM = dict.fromkeys(PEOPLE, (404, 404)) | {"anonymous": (302, 302)}
HER_ANSWERS = dict.fromkeys(PEOPLE, (404, 405)) | {"anonymous": (302, 405)}

THERAPISTS = ("tess", "jonas")
#: of either: their own, or what both may read because both treat Ada
THERAPISTS_READ = HER_ANSWERS | dict.fromkeys(THERAPISTS, (200, 405))
TESS_ONLY_READ = HER_ANSWERS | {"tess": (200, 405)}
TESS_ONLY_ACT = dict.fromkeys(PEOPLE, (405, 404)) | {"anonymous": (405, 302)}

STAFF = ("finn", "mina", "robin")
#: What stands at no other address of the desk.
UNKNOWN_AT_DESK = "desk/(?P<url>.*)$"


def at_the_desk(get: int, post: int) -> dict[str, tuple[int, int]]:
    """For staff; whoever is not is asked to sign in as such."""
    return dict.fromkeys(PEOPLE, (302, 302)) | dict.fromkeys(STAFF, (get, post))


def led_in(get: int, post: int) -> dict[str, tuple[int, int]]:
    """For whoever is not signed in; all others are led on."""
    return dict.fromkeys(PEOPLE, (302, 302)) | {"anonymous": (get, post)}


def for_oneself(get: int, post: int) -> dict[str, tuple[int, int]]:
    """For whoever is signed in; others are asked to."""
    return dict.fromkeys(PEOPLE, (get, post)) | {"anonymous": (302, 302)}


TABLE: dict[str, dict[str, tuple[int, int]]] = {
    "healthz": ALL_200_405,
    "readyz": dict.fromkeys(PEOPLE, (503, 405)),  # no worker and no beat run beside the tests
    "metrics": dict.fromkeys(PEOPLE, (404, 405)),  # for whoever shows the token, and no person does
    "demonstration": dict.fromkeys(PEOPLE, (404, 405)),  # for a token that never was
    "booking:landing": dict.fromkeys(PEOPLE, (200, 302)),
    "booking:what": dict.fromkeys(PEOPLE, (200, 422)),
    "booking:when": dict.fromkeys(PEOPLE, (200, 422)),
    "booking:plan": ADA_ONLY_PAGE,
    "booking:you": dict.fromkeys(PEOPLE, (404, 404)) | {"ada": (200, 422)},
    "booking:hold_again": dict.fromkeys(PEOPLE, (405, 404)) | {"ada": (405, 302)},
    "booking:sessions": ALL_200_405,
    "booking:sign_in": dict.fromkeys(PEOPLE, (302, 302)) | {"anonymous": (200, 422)},
    "booking:session_calendar": ADA_ONLY_READ,
    "booking:series_calendar": ADA_ONLY_READ,
    # hers is on hold until a doctor has said something
    "booking:coming": dict.fromkeys(PEOPLE, (405, 404)) | {"ada": (405, 409)},
    "booking:move": ADA_ONLY_READ,
    # at a start that is offered; what is posted there lacks what to move
    "booking:confirm_move": dict.fromkeys(PEOPLE, (404, 404)) | {"ada": (200, 422)},
    "booking:cancel": dict.fromkeys(PEOPLE, (404, 404)) | {"ada": (200, 422)},
    # a session that asks nothing now says so to its client
    "booking:before_session": HER_FORM | {"ada": (200, 200)},
    "booking:after_session": HER_FORM | {"ada": (200, 200)},
    "booking:undo": dict.fromkeys(PEOPLE, (405, 404)) | {"ada": (405, 302)},
    "booking:undo_booked": dict.fromkeys(PEOPLE, (405, 404)) | {"ada": (405, 302)},
    "booking:wish": dict.fromkeys(PEOPLE, (200, 403)) | {"ada": (200, 422), "bo": (200, 422)},
    "booking:wish_earlier": dict.fromkeys(PEOPLE, (404, 404)) | {"ada": (200, 422)},
    "booking:withdraw_wish": dict.fromkeys(PEOPLE, (405, 404)) | {"ada": (405, 302)},
    "booking:offer": dict.fromkeys(PEOPLE, (404, 404)) | {"ada": (200, 200)},  # a POST without an answer shows it again
    # Ada is asked; an answer that is none leads back to the question
    "booking:repair": ADA_ONLY_PAGE,
    "booking:messages": HER_FORM | {"ada": (200, 422), "bo": (200, 422)},
    # what is known of somebody is for themselves; who is not signed in is asked to. Ada has sessions ahead, and Bo too
    "booking:my_data": HER_ANSWERS | {"ada": (200, 405), "bo": (200, 405)},
    "booking:my_data_file": HER_ANSWERS | {"ada": (200, 405), "bo": (200, 405)},
    "booking:my_data_copy": HER_ANSWERS | {"ada": (200, 405), "bo": (200, 405)},
    "booking:my_data_who": HER_ANSWERS | {"ada": (200, 405), "bo": (200, 405)},
    # both signed in a moment ago, so that nothing is asked
    "booking:still_you": HER_FORM | {"ada": (302, 302), "bo": (302, 302)},
    "booking:correct": HER_FORM | {"ada": (200, 422), "bo": (200, 422)},
    "booking:new_address": HER_FORM | {"ada": (200, 422), "bo": (200, 422)},
    "booking:erase_me": HER_FORM | {"ada": (409, 409), "bo": (409, 409)},
    "booking:stop": dict.fromkeys(PEOPLE, (410, 410)),  # for a token that never was
    # for carriers only, by their signature
    "booking:sms_replies": dict.fromkeys(PEOPLE, (405, 403)),
    "booking:sms_reports": dict.fromkeys(PEOPLE, (405, 403)),
    "booking:link": dict.fromkeys(PEOPLE, (410, 405)),  # for a token that never was
    # only clients have forms; who is not signed in is asked to
    "intake:overview": dict.fromkeys(PEOPLE, (404, 404)) | {"anonymous": (302, 302), "ada": (200, 302), "bo": (200, 422)},
    "intake:consents": dict.fromkeys(PEOPLE, (404, 404)) | {"anonymous": (302, 302), "ada": (200, 404), "bo": (200, 404)},
    "intake:part": HER_FORM | {"ada": (200, 422)},
    "intake:form": HER_FORM | {"ada": (200, 422)},
    "intake:brief": HER_FORM | {"ada": (200, 200)},  # a POST without an answer saves and shows it again
    "intake:tablet": dict.fromkeys(PEOPLE, (410, 410)),  # for a token that never was
    "intake:copy": HER_ANSWERS | {"ada": (200, 405)},
    "intake:doctor": HER_ANSWERS | {"ada": (200, 405)},
    # the therapist's own pages: nobody else's, the desk and superusers included; who is not signed in is asked to
    "booking:therapist": THERAPISTS_READ,
    "booking:calendar_events": THERAPISTS_READ,
    "booking:therapist_session": TESS_ONLY_READ,
    # what is posted there says neither where the session shall go nor what it shall be
    "booking:move_by_hand": TESS_ONLY_ACT | {"tess": (405, 422)},
    "booking:session_state": TESS_ONLY_ACT | {"tess": (405, 400)},
    "booking:undo_by_hand": TESS_ONLY_ACT | {"tess": (405, 302)},
    "booking:tell_of_move": TESS_ONLY_ACT | {"tess": (405, 302)},
    "booking:session_intake": TESS_ONLY_READ,
    "booking:session_progress": TESS_ONLY_READ,
    "booking:clients": HER_FORM | dict.fromkeys(THERAPISTS, (200, 302)),
    "booking:client": THERAPISTS_READ,
    "booking:next": HER_FORM | {"tess": (200, 422)},
    # her hours; a form without anything is wrong, but a week without rows is not
    "booking:hours": THERAPISTS_READ,
    "booking:usual_week": HER_FORM | dict.fromkeys(THERAPISTS, (200, 422)),
    "booking:add_date": HER_FORM | dict.fromkeys(THERAPISTS, (200, 422)),
    "booking:change_date": HER_FORM | {"tess": (200, 422)},
    "booking:add_away": HER_FORM | dict.fromkeys(THERAPISTS, (200, 422)),
    "booking:change_away": HER_FORM | {"tess": (200, 422)},
    # her set-up: an empty form is wrong where something has to be there
    "booking:profile": THERAPISTS_READ,
    "booking:profile_about": HER_FORM | dict.fromkeys(THERAPISTS, (200, 422)),
    "booking:profile_treatments": HER_FORM | dict.fromkeys(THERAPISTS, (200, 422)),
    "booking:profile_limits": HER_FORM | dict.fromkeys(THERAPISTS, (200, 422)),
    "booking:profile_mails": HER_FORM | dict.fromkeys(THERAPISTS, (200, 302)),
    "booking:photo": dict.fromkeys(PEOPLE, (404, 405)),  # of a picture that never was
    "booking:progress": HER_ANSWERS | {"ada": (200, 405), "bo": (200, 405)},
    "booking:decisions": THERAPISTS_READ,
    # the note of Ada's session was begun; what is posted there names no version, and it is not locked, so nothing can be added
    "booking:note": HER_FORM | {"tess": (200, 422), "jonas": (200, 404)},
    "booking:note_addendum": TESS_ONLY_ACT,
    "booking:note_print": THERAPISTS_READ,
    "booking:note_versions": THERAPISTS_READ,
    "booking:notes": THERAPISTS_READ,
    "booking:new_note_template": HER_FORM | dict.fromkeys(THERAPISTS, (200, 422)),
    "booking:note_template": HER_FORM | {"tess": (200, 422)},
    "booking:feed_address": HER_FORM | dict.fromkeys(THERAPISTS, (200, 422)),  # what is posted there says not what to do
    "booking:feed": dict.fromkeys(PEOPLE, (404, 405)),  # for a token that never was
    # what is posted there says nothing of what a doctor said, and Ada's answers are not to be decided about but cleared
    "booking:decide": TESS_ONLY_ACT | {"tess": (405, 409)},
    "booking:clear": TESS_ONLY_ACT | {"tess": (405, 422)},
    "booking:booked": ADA_ONLY_READ,
    "booking:booked_calendar": ADA_ONLY_READ,
    # the desk's own pages are the same for all who work there
    "admin:index": at_the_desk(200, 405),
    "admin:walk_in": at_the_desk(200, 405),
    # what is posted there says not what to take
    "admin:walk_in_for": at_the_desk(200, 409),
    "admin:setup_check": at_the_desk(200, 405),
    "admin:board_print": at_the_desk(200, 405),
    "admin:lists": at_the_desk(200, 405),
    # what is posted there names no list
    "admin:lists_act": at_the_desk(405, 400),
    "admin:board_csv": at_the_desk(200, 405),
    # what is posted there names no step
    "admin:board_step": at_the_desk(405, 400),
    "admin:board_undo": at_the_desk(405, 400),
    "admin:session": at_the_desk(200, 405),
    # without a start it leads back to the session; what is posted there says not where to, to whom or why
    "admin:session_move": at_the_desk(302, 422),
    "admin:session_substitute": at_the_desk(405, 422),
    "admin:session_cancel": at_the_desk(405, 422),
    "admin:session_undo": at_the_desk(405, 302),
    "admin:new_client": at_the_desk(200, 422),
    # what is posted there says not when
    "admin:book_for": at_the_desk(200, 422),
    # what is posted there says not for what
    "admin:wait_for": at_the_desk(200, 422),
    "admin:find_client": at_the_desk(200, 302),
    # nobody signs in here or chooses a password: allauth's pages are the only ones for that
    "admin:login": HER_FORM | dict.fromkeys(("ada", "bo", *THERAPISTS), (403, 403)) | dict.fromkeys(STAFF, (302, 302)),
    "admin:logout": at_the_desk(405, 302),
    "admin:password_change": at_the_desk(302, 302),
    "admin:password_change_done": at_the_desk(200, 405),
    "admin:auth_user_password_change": at_the_desk(403, 403) | {"robin": (200, 200)},
    "admin:jsi18n": at_the_desk(200, 405),
    "admin:app_list": at_the_desk(200, 200),
    # of accounts to link to a therapist
    "admin:autocomplete": at_the_desk(405, 403),
    "admin:view_on_site": at_the_desk(404, 404),  # nothing at the desk has a page elsewhere
    UNKNOWN_AT_DESK: at_the_desk(404, 404),
    "admin:booking_appointment_tablet": at_the_desk(200, 200),
    "admin:booking_appointment_clear": at_the_desk(200, 200) | {"finn": (403, 403)},
    "admin:booking_noticetext_preview": at_the_desk(200, 200),
    "admin:booking_noticetext_preview_kept": at_the_desk(200, 200),
    "admin:booking_repair_answer": at_the_desk(405, 404),  # what is posted there answers nothing
    "admin:booking_waitlistentry_offer": at_the_desk(200, 200),
    # signing in, by allauth
    "account_login": led_in(200, 200),
    "account_signup": led_in(200, 200),  # which says that nobody signs up here
    "account_request_login_code": led_in(200, 200),
    "account_confirm_login_code": led_in(302, 302),
    "mfa_authenticate": led_in(302, 302),
    "mfa_login_webauthn": led_in(302, 302),
    "account_inactive": ALL_200_405,
    "account_reset_password": OPEN,
    "account_reset_password_done": ALL_200_405,
    "account_reset_password_from_key": OPEN,  # with a key that never was, which the page says
    "account_reset_password_from_key_done": ALL_200_405,
    "account_email_verification_sent": ALL_200_405,
    "account_confirm_email": dict.fromkeys(PEOPLE, (200, 404)),
    "account_email": dict.fromkeys(PEOPLE, (302, 405)),  # to the page on which a new address is proved
    # what somebody signed in does about their own sign-in; who is not is asked to. Nobody has an app, and Ada has a passkey
    "account_logout": for_oneself(200, 302),
    "account_reauthenticate": for_oneself(200, 200),
    "account_change_password": for_oneself(200, 200),
    "account_set_password": for_oneself(302, 302),
    "mfa_index": for_oneself(200, 405),
    "mfa_reauthenticate": for_oneself(302, 302),
    "mfa_activate_totp": for_oneself(200, 200),
    "mfa_deactivate_totp": for_oneself(404, 404),
    "mfa_view_recovery_codes": for_oneself(404, 405),
    "mfa_download_recovery_codes": for_oneself(404, 404),
    "mfa_generate_recovery_codes": for_oneself(200, 200) | {"ada": (200, 302)},
    "mfa_list_webauthn": for_oneself(200, 405),
    "mfa_add_webauthn": for_oneself(200, 200),
    "mfa_reauthenticate_webauthn": for_oneself(302, 302),
    "mfa_remove_webauthn": for_oneself(404, 404) | {"ada": (200, 302)},
    "mfa_edit_webauthn": for_oneself(404, 404) | {"ada": (200, 200)},
}

#: What Finn, Mina and Robin may do with a model's rows at the desk: v(iew), a(dd), c(hange), d(elete). Nobody else gets in.
MODELS: dict[str, tuple[str, str, str]] = {
    # written by services alone, whoever looks
    **dict.fromkeys(
        (
            "booking.auditentry",
            "booking.bookingrequest",
            "booking.clearance",
            "booking.freedtime",
            "booking.hold",
            "booking.notification",
            "booking.offer",
            "booking.planneddate",
            "booking.repair",
            "booking.series",
            "booking.textanswer",
            "booking.waitlistentry",
            "clients.consent",
            "clients.response",
            # a version that is in use stays as it is
            "clients.question",
            "clients.questionnaire",
            "clients.section",
        ),
        ("v", "v", "v"),
    ),
    "booking.appointment": ("vc", "vc", "vc"),
    "booking.noteview": ("", "v", "v"),
    "booking.noticerule": ("v", "vacd", "vacd"),
    "booking.noticetext": ("vacd", "vacd", "vacd"),
    "booking.staffmail": ("v", "vacd", "vacd"),
    "clients.bodyregion": ("v", "vacd", "vacd"),
    "clients.client": ("vac", "vac", "vacd"),
    "clients.medication": ("v", "vacd", "vacd"),
    "clients.medicationclass": ("v", "vacd", "vacd"),
    "clients.responseview": ("", "v", "v"),
    "clients.user": ("", "vac", "vacd"),  # of a colleague; whom a manager does not reach, tests/clients/test_accounts.py says
    "therapists.closure": ("v", "vacd", "vacd"),
    "therapists.holidayopening": ("v", "vacd", "vacd"),
    "therapists.hoursoverride": ("vacd", "vacd", "vacd"),
    "therapists.location": ("v", "vacd", "vacd"),
    "therapists.room": ("v", "vacd", "vacd"),
    "therapists.therapist": ("v", "vacd", "vacd"),
    "therapists.timeoff": ("vacd", "vacd", "vacd"),
    "therapists.treatment": ("v", "vacd", "vacd"),
    "therapists.workinghours": ("v", "vacd", "vacd"),
}
