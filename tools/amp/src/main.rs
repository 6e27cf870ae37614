//! The `amp` tool.
fn main() {}
