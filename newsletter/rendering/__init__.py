"""Words and template become a message: Jinja, slots, premailer, plain text, bytes."""
