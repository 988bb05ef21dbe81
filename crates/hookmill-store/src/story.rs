//! The story that every store must pass: the same calls, the same answers, whatever keeps the data.
