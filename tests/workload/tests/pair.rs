// SPDX-License-Identifier: Apache-2.0
//! Runs both sides of the exchange in one process. The memory is on the heap, and the time is virtual. Checks that no
//! message is lost or corrupted, and that the two sides together ring less than one doorbell per message sent.

use amp_ivshmem::mem::Region;
use amp_ivshmem::mem::fake::Heap;
use amp_ivshmem::platform::fake::CountingDoorbell;
use amp_ivshmem::platform::{Instant, PeerId, Port};
use amp_ivshmem::rpmsg::Role;
use amp_ivshmem_workload::protocol::Figures;
use amp_ivshmem_workload::{MESSAGES, Node};

struct Fake<'m> {
    memory: &'m Heap,
    doorbell: CountingDoorbell,
    id: PeerId,
}

impl<'m> Port for Fake<'m> {
    type Memory = Region<'m>;
    type Doorbell = CountingDoorbell;

    fn memory(&self) -> Region<'m> {
        self.memory.region()
    }

    fn doorbell(&self) -> CountingDoorbell {
        self.doorbell.clone()
    }

    fn id(&self) -> PeerId {
        self.id
    }

    fn now(&self) -> Instant {
        unreachable!("the test has the time")
    }

    fn wait(&mut self, _: Option<Instant>) {
        unreachable!("the test does the waiting")
    }
}

#[test]
fn all_messages_come_back_and_both_ends_check_them() {
    let (memory, doorbell) = (Heap::new(64 * 1024), CountingDoorbell::default());
    let ports = [0, 1].map(|id| Fake { memory: &memory, doorbell: doorbell.clone(), id: PeerId(id) });
    let mut consoles = [String::new(), String::new()];
    let [first, second] = &mut consoles;
    let mut nodes =
        [Node::new(&ports[0], Role::Host, first).unwrap(), Node::new(&ports[1], Role::Remote, second).unwrap()];
    let mut figures: [Option<Figures>; 2] = [None; 2];
    let mut micros = 1;
    while figures.iter().any(Option::is_none) {
        for (index, node) in nodes.iter_mut().enumerate() {
            let now = Instant::from_micros(micros);
            if doorbell.take(ports[index].id) > 0 || now >= node.deadline() {
                figures[index] = node.step(now, &mut consoles[index]).or(figures[index]);
            }
            micros += 10;
        }
        assert!(micros < 10_000_000, "they hang: {consoles:?}");
    }
    let [Some(host), Some(remote)] = figures else { unreachable!() };
    assert_eq!(host.messages + remote.messages, MESSAGES);
    assert_eq!((host.lost, host.wrong, remote.lost, remote.wrong), (0, 0, 0, 0));
    // A round trip takes two turns of 10 µs. One doorbell serves all three exchanges.
    assert_eq!((host.median_micros, host.p99_micros), (20, 20));
    assert!(host.doorbells + remote.doorbells < 2 * MESSAGES, "{host:?} {remote:?}");
    let line = consoles[1].lines().last().unwrap();
    assert!(line.starts_with("figures role=remote messages=3333 lost=0 wrong=0 median_us=20 p99_us="), "{line}");
    println!("{}\n{}", consoles[0], consoles[1]);
}
