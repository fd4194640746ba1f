//! Situations with a name: how it was, what happened, and how it has to end.
