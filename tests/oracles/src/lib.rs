//! Nothing but the tests beside it: this module against virtqueues that others wrote.
