// SPDX-License-Identifier: Apache-2.0
//! Runs the test's traffic between a host and a remote of this module, in one process.

use amp_ivshmem::mem::fake::Heap;
use amp_ivshmem::openamp::{Host, Remote, Settings};
use amp_ivshmem::platform::fake::NoDoorbell;
use amp_ivshmem::platform::{Instant, PeerId};
use amp_ivshmem::rpmsg::Role;
use amp_ivshmem_test_openamp::{ENDPOINTS, Exchange, Plan};

#[test]
fn every_message_arrives_once_and_right() {
    let heap = Heap::new(1 << 20);
    let settings = Settings::dual_qemu_ivshmem(1 << 20).unwrap();
    let mut host: Host<_, _, ENDPOINTS, 16> = Host::new(heap.region(), NoDoorbell, PeerId(0), settings).unwrap();
    let mut remote: Remote<_, _, ENDPOINTS, 16> = Remote::new(heap.region(), NoDoorbell, PeerId(1), settings).unwrap();
    // The plan has no bounces, because only the C side has an echo endpoint.
    let plan = Plan { bounces: 0, ..Plan::LONG };
    let mut at_host = Exchange::new(Role::Host, plan, &mut host).unwrap();
    let mut at_remote = Exchange::new(Role::Remote, plan, &mut remote).unwrap();
    let (mut of_host, mut of_remote) = (String::new(), String::new());
    let mut steps = 0_u64;
    while !(at_host.is_finished() && at_remote.is_finished()) {
        at_host.step(&mut host, Instant::from_micros(steps), &mut of_host).unwrap();
        at_remote.step(&mut remote, Instant::from_micros(steps), &mut of_remote).unwrap();
        steps += 1;
        assert!(steps < 10_000_000, "{of_host}{of_remote}");
    }
    for text in [&of_host, &of_remote] {
        let messages = plan.messages;
        let figures = text.lines().find(|line| line.starts_with("figures")).unwrap();
        println!("{figures}");
        assert!(figures.contains(&format!("copy={messages} nocopy={messages} hold={messages} ")), "{text}");
        assert!(figures.ends_with(" wrong=0"), "{text}");
        assert!(!figures.contains(" own=0 ") && !figures.contains(" theirs=0 "), "{text}");
    }
}
