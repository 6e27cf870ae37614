//! The conversation that the demo shows.
#![no_std]
