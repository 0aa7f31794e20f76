"""Webhooks: messages about events, signed, sent to addresses that may be reached, tried again, given up, replayed."""
