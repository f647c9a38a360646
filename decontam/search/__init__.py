"""From rows to measured matches: candidates, alignment, differences."""
