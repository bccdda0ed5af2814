"""What is said: files under `issues/` become values, and every error says file and line."""
