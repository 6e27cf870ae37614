//! Bare-metal images.
#![no_std]
