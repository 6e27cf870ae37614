//! The bare-metal port.
#![no_std]
