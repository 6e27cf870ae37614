// What an image is on a target with an operating system, so that `cargo build --workspace` has something to build.

fn main() {
    eprintln!("this image is for bare metal: build it with --target aarch64-unknown-none or thumbv7m-none-eabi");
    std::process::exit(2);
}
