// SPDX-License-Identifier: Apache-2.0
//! The remote, which runs the services. Each service answers on the endpoint that received the request. The slow
//! service leaves its requests in their buffers until it can handle them.

use core::time::Duration;

use amp_ivshmem_zephyr_rust::amp_ivshmem::platform::Instant;
use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::{Endpoint, Event, Message, Role};
use amp_ivshmem_zephyr_rust::{Bus, FOREVER, Ivshmem, Link, settings};

use crate::services::{LONGEST, SERVICES, SLOW};

/// Time that the slow service takes per request.
const WORK: Duration = Duration::from_millis(200);
/// Maximum number of requests that wait for the slow service. Each one occupies one of the host's buffers.
const QUEUE: usize = 4;
/// Maximum time to wait for a free buffer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs the services forever.
pub fn run(link: &mut Link, device: Ivshmem) {
    let mut bus = match Bus::new(link, device, &settings(Role::Remote)) {
        Ok(bus) => bus,
        Err(error) => return log::error!("{error}"),
    };
    let mut endpoints = [None; SERVICES.len()];
    for (name, endpoint) in SERVICES.iter().zip(&mut endpoints) {
        match bus.open(name) {
            Ok(open) => *endpoint = Some(open),
            Err(error) => return log::error!("{name}: {error}"),
        }
    }
    log::info!("offering {SERVICES:?}");

    let mut slow = Slow { queue: [const { None }; QUEUE], done_at: None };
    loop {
        // Wait for an event, or until the slow service has finished a request.
        let limit = slow.done_at.map_or(FOREVER, |at| Duration::from_micros(at.micros_since(bus.now())));
        match bus.next(limit) {
            Ok(Event::Message(message)) => {
                match endpoints.iter().position(|&endpoint| endpoint == Some(message.endpoint)) {
                    Some(SLOW) => slow.take(&mut bus, message),
                    Some(service) => at_once(&mut bus, service, message),
                    None => bus.link().bus().release(message),
                }
            }
            // The queued requests are no longer valid and need not be released.
            Ok(Event::Down(_)) => slow = Slow { queue: [const { None }; QUEUE], done_at: None },
            Ok(_) | Err(_) => {}
        }
        slow.work(&mut bus);
    }
}

/// Answers a request to one of the fast services.
fn at_once(bus: &mut Bus<'_>, service: usize, message: Message) {
    let (endpoint, mut bytes) = (message.endpoint, [0; LONGEST]);
    let Some(request) = read(bus, &message, &mut bytes) else { return bus.link().bus().release(message) };
    bus.link().bus().release(message);
    match service {
        0 => {
            let (numbers, _) = request.as_chunks::<4>();
            let sum = numbers.iter().fold(0u32, |sum, &number| sum.wrapping_add(u32::from_le_bytes(number)));
            answer(bus, endpoint, &sum.to_le_bytes());
        }
        1 => {
            request.reverse();
            answer(bus, endpoint, request);
        }
        _ => {
            let micros = bus.now().as_micros();
            answer(bus, endpoint, &micros.to_le_bytes());
        }
    }
}

/// The slow service and its pending requests, oldest first.
struct Slow {
    queue: [Option<Message>; QUEUE],
    /// Time at which the oldest request will be finished.
    done_at: Option<Instant>,
}

impl Slow {
    fn take(&mut self, bus: &mut Bus<'_>, message: Message) {
        match self.queue.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(message),
            // An empty answer tells the host that the service is busy.
            None => {
                let endpoint = message.endpoint;
                bus.link().bus().release(message);
                answer(bus, endpoint, &[]);
            }
        }
        if self.done_at.is_none() {
            self.done_at = Some(bus.now() + WORK);
        }
    }

    fn work(&mut self, bus: &mut Bus<'_>) {
        if self.done_at.is_none_or(|at| bus.now() < at) {
            return;
        }
        if let Some(message) = self.queue[0].take() {
            let (endpoint, mut bytes) = (message.endpoint, [0; LONGEST]);
            let number =
                read(bus, &message, &mut bytes).and_then(|request| Some(u32::from_le_bytes(*request.first_chunk()?)));
            bus.link().bus().release(message);
            if let Some(number) = number {
                answer(bus, endpoint, &number.wrapping_add(1).to_le_bytes());
            }
        }
        self.queue.rotate_left(1);
        self.done_at = self.queue[0].as_ref().map(|_| bus.now() + WORK);
    }
}

/// Reads a request into `bytes` and returns it, or `None` if it is too long.
fn read<'b>(bus: &mut Bus<'_>, message: &Message, bytes: &'b mut [u8; LONGEST]) -> Option<&'b mut [u8]> {
    let bytes = bytes.get_mut(..message.length.into())?;
    bus.link().bus().read(message, 0, bytes).ok()?;
    Some(bytes)
}

fn answer(bus: &mut Bus<'_>, endpoint: Endpoint, bytes: &[u8]) {
    if let Err(error) = bus.send(endpoint, bytes, PATIENCE) {
        log::warn!("an answer is lost: {error}");
    }
}
