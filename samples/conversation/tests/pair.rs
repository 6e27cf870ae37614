//! Both sides of the talk in one process, over memory on the heap and in virtual time: nothing lost, nothing wrong, and
//! no more doorbells than there is reason for.

use std::cell::RefCell;
use std::rc::Rc;

use amp_ivshmem::link::Role;
use amp_ivshmem::mem::Region;
use amp_ivshmem::mem::fake::Heap;
use amp_ivshmem::platform::{Doorbell, Instant, PeerId, Port, Vector, VectorOutOfRange};
use amp_ivshmem_conversation::{Figures, MESSAGES, Party};

#[derive(Clone, Default)]
struct Bells(Rc<RefCell<[bool; 2]>>);

impl Doorbell for Bells {
    fn ring(&self, peer: PeerId, _: Vector) -> Result<(), VectorOutOfRange> {
        self.0.borrow_mut()[usize::from(peer.0)] = true;
        Ok(())
    }
}

struct Fake<'m> {
    memory: &'m Heap,
    bells: Bells,
    id: PeerId,
}

impl<'m> Port for Fake<'m> {
    type Memory = Region<'m>;
    type Doorbell = Bells;

    fn memory(&self) -> Region<'m> {
        self.memory.region()
    }

    fn doorbell(&self) -> Bells {
        self.bells.clone()
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
fn all_is_said_and_checked_at_both_ends() {
    let (memory, bells) = (Heap::new(64 * 1024), Bells::default());
    let ports = [0, 1].map(|id| Fake { memory: &memory, bells: bells.clone(), id: PeerId(id) });
    let mut consoles = [String::new(), String::new()];
    let [first, second] = &mut consoles;
    let mut parties =
        [Party::new(&ports[0], Role::Host, first).unwrap(), Party::new(&ports[1], Role::Remote, second).unwrap()];
    let mut figures: [Option<Figures>; 2] = [None; 2];
    let mut micros = 1;
    while figures.iter().any(Option::is_none) {
        for (index, party) in parties.iter_mut().enumerate() {
            let now = Instant::from_micros(micros);
            if std::mem::take(&mut bells.0.borrow_mut()[index]) || now >= party.deadline() {
                figures[index] = party.step(now, &mut consoles[index]).or(figures[index]);
            }
            micros += 10;
        }
        assert!(micros < 10_000_000, "they hang: {consoles:?}");
    }
    let [Some(host), Some(remote)] = figures else { unreachable!() };
    assert_eq!(host.messages + remote.messages, MESSAGES);
    assert_eq!((host.lost, host.wrong, remote.lost, remote.wrong), (0, 0, 0, 0));
    // A round trip is two turns of 10 µs; three conversations share each doorbell.
    assert_eq!((host.median_micros, host.p99_micros), (20, 20));
    assert!(host.doorbells + remote.doorbells < 2 * MESSAGES, "{host:?} {remote:?}");
    let line = consoles[1].lines().last().unwrap();
    assert!(line.starts_with("figures role=remote messages=3333 lost=0 wrong=0 median_us=20 p99_us="), "{line}");
    println!("{}\n{}", consoles[0], consoles[1]);
}
