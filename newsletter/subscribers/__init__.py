"""Who, and with whose permission: subscriptions, consent, suppression, and the mails around them."""
