"""The index of what is protected: items, weights, stems, seeds, postings."""
