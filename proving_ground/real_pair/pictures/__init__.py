"""Pictures that nobody here drew: emoji of several makers, flags, digits, words, scenes and charts."""
