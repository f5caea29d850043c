from clients.services.people import BOOKING_CONSENT, booking_consent_missing, record_booking_consent, register_client

__all__ = ["BOOKING_CONSENT", "booking_consent_missing", "record_booking_consent", "register_client"]
