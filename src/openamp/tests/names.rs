// SPDX-License-Identifier: Apache-2.0
//! Tests the name service in all profiles: names that move from one endpoint to another, places that are used again, and
//! each clash of a name or an address with an operation.

use std::format;

use zerocopy::IntoBytes;

use super::*;
use crate::rpmsg::{AnyLink, Link, OpenError, Role, Settings as NativeSettings};
use crate::wire::rpmsg::NameService;

/// A name of the subject and of the peer.
const SVC: &str = "svc";
/// The address of the peer's `svc`.
const PEER: u32 = 2000;

/// Evaluates `$body` with a profile's name, a subject and its peer, for each profile.
macro_rules! in_each_profile {
    (|$profile:ident, $subject:ident, $peer:ident| $body:expr) => {{
        let bells = Bells::default();
        let heap = Heap::new(128 * 1024);
        let native = |id, role| -> Link<Region<'_>, Bells, 4, 16> {
            Link::new(heap.region(), bells.clone(), PeerId(id), NativeSettings::new(role)).unwrap()
        };
        {
            let ($profile, $subject, $peer) = ("native", &mut native(0, Role::Host), &mut native(1, Role::Remote));
            $body;
        }
        let heap = Heap::new(MEMORY);
        {
            let ($profile, $subject, $peer) = ("host", &mut host(&heap, &bells), &mut remote(&heap, &bells));
            $body;
        }
        let heap = Heap::new(MEMORY);
        let $peer = &mut host(&heap, &bells);
        let ($profile, $subject) = ("remote", &mut remote(&heap, &bells));
        $body;
    }};
}

/// Returns the events of one side, in short.
fn events<L: AnyLink>(link: &mut L) -> Vec<String> {
    let mut log = Vec::new();
    while let Some(event) = link.poll(Instant::default()) {
        log.push(match event {
            Event::Up { .. } => continue,
            Event::Bound { endpoint, peer } => format!("bound {} to {}", endpoint.address().0, peer.0),
            Event::Unbound { endpoint } => format!("unbound {}", endpoint.address().0),
            Event::Announced { name, address } => format!("announced {name} {}", address.0),
            Event::Withdrawn { name, address } => format!("withdrawn {name} {}", address.0),
            Event::Message(message) => {
                let line = format!("message for {}", message.endpoint.address().0);
                link.bus().release(message);
                line
            }
            other => panic!("{other:?}"),
        });
    }
    log
}

/// Polls both sides until neither has any more to do. Returns the events of both.
fn settle<A: AnyLink, B: AnyLink>(a: &mut A, b: &mut B) -> [Vec<String>; 2] {
    let mut logs = [Vec::new(), Vec::new()];
    for _ in 0..8 {
        logs[0].extend(events(a));
        logs[1].extend(events(b));
    }
    logs
}

/// Sends a message of the name service, as a C peer does.
fn tell<L: AnyLink>(peer: &mut L, raw: Endpoint, name: &str, address: u32, exists: bool) {
    let message = NameService::new(Name::new(name).unwrap(), Address(address), exists);
    peer.bus().send_to(raw, Address::NAME_SERVICE, message.as_bytes()).unwrap();
}

/// Opens the peer's endpoint that sends whatever a test needs, and brings the link up.
fn raw<S: AnyLink, P: AnyLink>(subject: &mut S, peer: &mut P) -> Endpoint {
    settle(subject, peer);
    peer.bus().open_with(&endpoint(7, 7)).unwrap()
}

/// Sends from an endpoint of the subject until the peer has all buffers.
fn starve<S: AnyLink>(subject: &mut S, from: Endpoint) {
    while subject.bus().send_to(from, Address(7), b"x").is_ok() {}
}

/// Make before break: the peer opens a second endpoint of the name, and then closes the first.
#[test]
fn the_name_goes_on_at_the_endpoint_that_waits() {
    fn test<S: AnyLink, P: AnyLink>(profile: &str, subject: &mut S, peer: &mut P) {
        let svc = subject.bus().open(SVC).unwrap();
        let first = peer.bus().open(SVC).unwrap();
        settle(subject, peer);
        assert_eq!(subject.bus().peer_of(svc), Some(first.address()), "{profile}");
        let second = peer.bus().open(SVC).unwrap();
        settle(subject, peer);
        peer.bus().close(first);
        settle(subject, peer);
        assert_eq!(peer.bus().peer_of(second), Some(svc.address()), "{profile}");
        assert_eq!(subject.bus().peer_of(svc), Some(second.address()), "{profile}");
    }
    in_each_profile!(|profile, subject, peer| test(profile, subject, peer));
}

/// The same when this side has the second endpoint and closes the first.
#[test]
fn the_name_goes_on_at_an_endpoint_of_the_own_side() {
    fn test<S: AnyLink, P: AnyLink>(profile: &str, subject: &mut S, peer: &mut P) {
        let [first, second] = [(); 2].map(|()| subject.bus().open(SVC).unwrap());
        let other = peer.bus().open(SVC).unwrap();
        settle(subject, peer);
        assert_eq!(subject.bus().peer_of(first), Some(other.address()), "{profile}");
        subject.bus().close(first);
        settle(subject, peer);
        assert_eq!(peer.bus().peer_of(other), Some(second.address()), "{profile}");
        assert_eq!(subject.bus().peer_of(second), Some(other.address()), "{profile}");
    }
    in_each_profile!(|profile, subject, peer| test(profile, subject, peer));
}

#[test]
fn a_nameless_endpoint_keeps_its_configured_peer() {
    fn test<S: AnyLink, P: AnyLink>(profile: &str, subject: &mut S, peer: &mut P) {
        let raw = raw(subject, peer);
        let nameless = subject.bus().open_with(&endpoint(9, PEER)).unwrap();
        settle(subject, peer);
        for exists in [true, false, true] {
            tell(peer, raw, SVC, PEER, exists);
            let word = if exists { "announced" } else { "withdrawn" };
            assert_eq!(settle(subject, peer)[0], [format!("{word} svc {PEER}")], "{profile}");
            assert_eq!(subject.bus().peer_of(nameless), Some(Address(PEER)), "{profile}, exists: {exists}");
        }
    }
    in_each_profile!(|profile, subject, peer| test(profile, subject, peer));
}

#[test]
fn the_place_of_a_closed_endpoint_is_free_at_once() {
    fn test<S: AnyLink, P: AnyLink>(profile: &str, subject: &mut S, peer: &mut P) {
        let fixed = Config { name: Some("fixed"), address: Some(Address(9)), ..Config::default() };
        let other = peer.bus().open("a").unwrap();
        let mut open = ["a", "b", "c"].map(|name| subject.bus().open(name).unwrap()).to_vec();
        open.push(subject.bus().open_with(&fixed).unwrap());
        settle(subject, peer);
        for starved in [false, true] {
            if starved {
                starve(subject, open[0]);
            }
            assert_eq!(subject.bus().open("more"), Err(OpenError::Full), "{profile}");
            for round in 0..3 {
                let case = format!("{profile}, starved: {starved}, round {round}");
                subject.bus().close(open.pop().unwrap());
                open.push(subject.bus().open_with(&fixed).expect(&case));
                assert_eq!(subject.bus().open_with(&fixed), Err(OpenError::AddressInUse(Address(9))));
                let closed = open.remove(0);
                subject.bus().close(closed);
                assert_eq!(subject.bus().peer_of(closed), None);
                open.insert(0, subject.bus().open("a").expect(&case));
                assert_ne!(open[0], closed, "{case}");
            }
            // The peer's endpoint has followed, and everything that was withdrawn is known to be gone.
            settle(subject, peer);
            assert_eq!(peer.bus().peer_of(other), Some(open[0].address()), "{profile}, starved: {starved}");
            assert_eq!(subject.bus().peer_of(open[0]), Some(other.address()), "{profile}, starved: {starved}");
        }
    }
    in_each_profile!(|profile, subject, peer| test(profile, subject, peer));
}

/// A place may also be taken under another name while the peer has all buffers. Only in the native profile, the peer is
/// then still told that the former endpoint is gone, because C ignores a withdrawal under another name.
#[test]
fn a_place_that_changes_its_name() {
    fn test<S: AnyLink, P: AnyLink>(profile: &str, subject: &mut S, peer: &mut P) {
        let other = peer.bus().open("d").unwrap();
        let open = ["a", "b", "c", "d"].map(|name| subject.bus().open(name).unwrap());
        settle(subject, peer);
        starve(subject, open[0]);
        subject.bus().close(open[3]);
        let taken = subject.bus().open("e").unwrap();
        subject.bus().close(taken);
        subject.bus().open("f").unwrap();
        settle(subject, peer);
        let peer_of = peer.bus().peer_of(other);
        assert_eq!(peer_of, if profile == "native" { None } else { Some(open[3].address()) }, "{profile}");
    }
    in_each_profile!(|profile, subject, peer| test(profile, subject, peer));
}

#[test]
fn any_address_can_be_chosen() {
    fn test<S: AnyLink, P: AnyLink>(profile: &str, subject: &mut S, peer: &mut P) {
        let raw = raw(subject, peer);
        let at = |address| Config { address: Some(Address(address)), ..Config::default() };
        // These are the first dynamic addresses, and two far ones.
        let fixed = [1025, 1024, 70_000, 0x7fff_fffe].map(|address| (address, subject.bus().open_with(&at(address))));
        for (address, opened) in fixed {
            let opened = opened.unwrap();
            assert_eq!(opened.address(), Address(address), "{profile}");
            assert_eq!(subject.bus().open_with(&at(address)), Err(OpenError::AddressInUse(Address(address))));
            peer.bus().send_to(raw, Address(address), b"x").unwrap();
            let log = settle(subject, peer)[0].clone();
            assert!(log.contains(&format!("message for {address}")), "{profile}: {log:?}");
            assert_eq!(subject.bus().peer_of(opened), Some(Address(7)));
        }
        assert_eq!(subject.bus().open("svc"), Err(OpenError::Full));
        let (_, second) = fixed[1];
        subject.bus().close(second.unwrap());
        // Its slot's dynamic addresses begin with one that is taken.
        let dynamic = subject.bus().open("svc").unwrap();
        assert!(!fixed.iter().any(|(address, _)| *address == dynamic.address().0), "{profile}: {dynamic:?}");
        for address in [Address::NAME_SERVICE, Address(0x7fff_ffff), Address::ANY] {
            assert_eq!(subject.bus().open_with(&at(address.0)), Err(OpenError::AddressReserved(address)));
        }
    }
    in_each_profile!(|profile, subject, peer| test(profile, subject, peer));
}

/// A change of the name service, with a name and an address.
#[derive(Clone, Copy, Debug)]
enum Step {
    Announce,
    Withdraw,
    Open,
    Close,
    /// The peer's endpoint of this name is withdrawn, and announced again.
    Rebind,
}

/// Takes a step against a subject whose `svc` at 1024 is bound to the peer's `svc` at 2000. Returns what the subject
/// reports, what the peer reports, and the subject's peer then.
fn take<S: AnyLink, P: AnyLink>(subject: &mut S, peer: &mut P, step: Step, name: &str, address: u32) -> String {
    let raw = raw(subject, peer);
    let svc = subject.bus().open(SVC).unwrap();
    settle(subject, peer);
    tell(peer, raw, SVC, PEER, true);
    settle(subject, peer);
    assert_eq!(subject.bus().peer_of(svc), Some(Address(PEER)));
    let mut result = String::new();
    match step {
        Step::Announce => tell(peer, raw, name, address, true),
        Step::Withdraw => tell(peer, raw, name, address, false),
        Step::Open => {
            let config = Config { name: Some(name), address: None, peer: Some(Address(address)) };
            subject.bus().open_with(&config).unwrap();
        }
        Step::Close => {
            let config = Config { name: Some(name), address: Some(Address(address)), peer: None };
            match subject.bus().open_with(&config) {
                Ok(opened) => {
                    settle(subject, peer);
                    subject.bus().close(opened);
                }
                Err(error) => result = format!("{error:?}; "),
            }
        }
        Step::Rebind => {
            tell(peer, raw, SVC, PEER, false);
            tell(peer, raw, name, address, true);
        }
    }
    let [own, other] = settle(subject, peer);
    let to = subject.bus().peer_of(svc).map_or("none".into(), |peer| format!("{}", peer.0));
    result + &format!("{} | {} | {to}", own.join(", "), other.join(", "))
}

/// Each step with each kind of name and address: the name of the subject's endpoint or another one; the address of its
/// peer, another one, a reserved one, and its own. The outcome follows for the native profile, and for both sides of the
/// `openamp` profile if it differs there. Comments say where C OpenAMP and Linux differ.
const CLASHES: &[(Step, &str, u32, &str, Option<&str>)] = &[
    // C calls its bind callback for a name of which no endpoint waits. C binds to 53, too.
    (Step::Announce, SVC, 2001, "announced svc 2001 |  | 2000", None),
    (Step::Announce, SVC, PEER, " |  | 2000", None),
    (Step::Announce, SVC, 53, " |  | 2000", None),
    (Step::Announce, "new", 3000, "announced new 3000 |  | 2000", None),
    (Step::Announce, "other", PEER, "announced other 2000 |  | 2000", None),
    (Step::Announce, SVC, 1024, "announced svc 1024 |  | 2000", None),
    // C keeps an endpoint with this peer and another name; here it is unbound, unless the peer is configured.
    (Step::Withdraw, SVC, 2001, "withdrawn svc 2001 |  | 2000", None),
    (Step::Withdraw, SVC, PEER, "unbound 1024 | announced svc 1024 | none", None),
    (Step::Withdraw, SVC, 53, " |  | 2000", None),
    (Step::Withdraw, "new", 3000, "withdrawn new 3000 |  | 2000", None),
    (Step::Withdraw, "other", PEER, "unbound 1024 | announced svc 1024 | none", None),
    (Step::Withdraw, SVC, 1024, "withdrawn svc 1024 |  | 2000", None),
    // The endpoint has this configured peer. As in C, the peer is not told in the openamp profile.
    (Step::Open, SVC, 2001, "bound 1025 to 2001 | announced svc 1025 | 2000", Some("bound 1025 to 2001 |  | 2000")),
    (Step::Open, SVC, PEER, "bound 1025 to 2000 | announced svc 1025 | 2000", Some("bound 1025 to 2000 |  | 2000")),
    (Step::Open, SVC, 53, "bound 1025 to 53 | announced svc 1025 | 2000", Some("bound 1025 to 53 |  | 2000")),
    (Step::Open, "new", 3000, "bound 1025 to 3000 | announced new 1025 | 2000", Some("bound 1025 to 3000 |  | 2000")),
    (
        Step::Open,
        "other",
        PEER,
        "bound 1025 to 2000 | announced other 1025 | 2000",
        Some("bound 1025 to 2000 |  | 2000"),
    ),
    (Step::Open, SVC, 1024, "bound 1025 to 1024 | announced svc 1025 | 2000", Some("bound 1025 to 1024 |  | 2000")),
    // The endpoint has this address of its own. C does not check addresses below 1024.
    (Step::Close, SVC, 2001, " | withdrawn svc 2001 | 2000", None),
    (Step::Close, SVC, PEER, " | withdrawn svc 2000 | 2000", None),
    (Step::Close, SVC, 53, "AddressReserved(Address(53));  |  | 2000", None),
    (Step::Close, "new", 3000, " | withdrawn new 3000 | 2000", None),
    (Step::Close, "other", PEER, " | withdrawn other 2000 | 2000", None),
    (Step::Close, SVC, 1024, "AddressInUse(Address(1024));  |  | 2000", None),
    // C does not announce its endpoint again; then an endpoint that waits at the peer is never found.
    (
        Step::Rebind,
        SVC,
        2001,
        "unbound 1024, bound 1024 to 2001 | announced svc 1024, announced svc 1024 | 2001",
        Some("unbound 1024, bound 1024 to 2001 | announced svc 1024 | 2001"),
    ),
    (
        Step::Rebind,
        SVC,
        PEER,
        "unbound 1024, bound 1024 to 2000 | announced svc 1024, announced svc 1024 | 2000",
        Some("unbound 1024, bound 1024 to 2000 | announced svc 1024 | 2000"),
    ),
    (Step::Rebind, SVC, 53, "unbound 1024 | announced svc 1024 | none", None),
    (Step::Rebind, "new", 3000, "unbound 1024, announced new 3000 | announced svc 1024 | none", None),
    (Step::Rebind, "other", PEER, "unbound 1024, announced other 2000 | announced svc 1024 | none", None),
    (
        Step::Rebind,
        SVC,
        1024,
        "unbound 1024, bound 1024 to 1024 | announced svc 1024, announced svc 1024 | 1024",
        Some("unbound 1024, bound 1024 to 1024 | announced svc 1024 | 1024"),
    ),
];

#[test]
fn every_clash() {
    for &(step, name, address, native, openamp) in CLASHES {
        in_each_profile!(|profile, subject, peer| {
            let expected = openamp.filter(|_| profile != "native").unwrap_or(native);
            let case = format!("{step:?} {name} {address}, {profile}");
            assert_eq!(take(subject, peer, step, name, address), expected, "{case}");
        });
    }
    assert_eq!(CLASHES.len(), 5 * 6);
}
