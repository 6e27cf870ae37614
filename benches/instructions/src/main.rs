// SPDX-License-Identifier: Apache-2.0
//! Runs both sides of a link in one program, and sends messages between markers. An image of this program needs an
//! ivshmem device and a server. A Linux program takes its memory from the heap. `amp bench` runs the program and counts
//! instructions.
#![cfg_attr(target_os = "none", no_std, no_main)]

mod bench;
mod markers;
#[cfg(feature = "trace")]
mod recorder;
mod sections;
mod sides;

/// The last line that the program prints.
const OVER: &str = "over";

#[cfg(target_os = "none")]
mod image {
    use core::fmt::Write;

    use amp_ivshmem::platform::Port;
    use amp_ivshmem_bare_metal::{Console, Machine, image, park};

    use crate::bench::Bench;

    image!(main);

    fn main(machine: Machine, mut console: Console) -> ! {
        let mut bench = Bench {
            memory: machine.memory(),
            doorbell: machine.doorbell(),
            now: || machine.now(),
            tell: |name: &str, messages: u32| {
                // The console cannot fail.
                let _ = writeln!(console, "section {name} {messages}");
            },
        };
        let end = bench.run().err().unwrap_or(crate::OVER);
        let _ = writeln!(console, "{end}");
        park()
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    use amp_ivshmem::mem::fake::Heap;
    use amp_ivshmem::platform::Instant;
    use amp_ivshmem::platform::fake::NoDoorbell;

    let heap = Heap::new(3 << 20);
    let mut bench = bench::Bench {
        memory: heap.region(),
        doorbell: NoDoorbell,
        // A constant, because the cost of reading the clock is not part of this library.
        now: || Instant::from_micros(1),
        tell: |name: &str, messages: u32| println!("section {name} {messages}"),
    };
    let end = bench.run().and_then(|()| bench.run_large());
    println!("{}", end.err().unwrap_or(OVER));
}
