"""Questions about the pictures, in eight tasks that mirror the paper's suite, and texts without pictures."""
