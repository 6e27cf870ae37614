// SPDX-License-Identifier: Apache-2.0
// The main function of an image that is built for an operating system. It lets `cargo build --workspace` succeed.

fn main() {
    eprintln!("this image is for bare metal: build it with --target aarch64-unknown-none or thumbv7m-none-eabi");
    std::process::exit(2);
}
