// SPDX-License-Identifier: Apache-2.0
//! Asks all services at once and checks the answers. Each answer triggers the next request.

use amp_ivshmem_zephyr_rust::amp_ivshmem::platform::Instant;
use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::{Arrival, Endpoint, Event, Message, Role};
use amp_ivshmem_zephyr_rust::{AsyncBus, Ivshmem, Link, now, settings};
use embassy_executor::Spawner;
use static_cell::StaticCell;
use zephyr::embassy::Executor;

use crate::{LONGEST, SERVICES, SLOW};

/// The figures appear after this many answers of the slow service.
const ROUNDS: u32 = 10;

static EXECUTOR: StaticCell<Executor> = StaticCell::new();
static ARRIVAL: Arrival = Arrival::new();

/// Runs an executor for ever.
pub fn run(link: &'static mut Link, device: Ivshmem) {
    EXECUTOR.init(Executor::new()).run(|spawner: Spawner| {
        if let Err(error) = spawner.spawn(ask(link, device)) {
            log::error!("no place for the task: {error:?}");
        }
    });
}

#[embassy_executor::task]
async fn ask(link: &'static mut Link, device: Ivshmem) {
    let mut bus = match AsyncBus::new(link, device, &settings(Role::Host), &ARRIVAL) {
        Ok(bus) => bus,
        Err(error) => return log::error!("{error}"),
    };
    let mut clients = [const { Client::new() }; SERVICES.len()];
    for (name, client) in SERVICES.iter().zip(&mut clients) {
        match bus.open(name) {
            Ok(endpoint) => client.endpoint = Some(endpoint),
            Err(error) => return log::error!("{name}: {error}"),
        }
    }
    loop {
        let (endpoint, message) = match bus.next().await {
            Event::Bound { endpoint, .. } => (endpoint, None),
            Event::Message(message) => (message.endpoint, Some(message)),
            Event::Up { .. } => {
                clients.iter_mut().for_each(Client::restart);
                continue;
            }
            _ => continue,
        };
        let Some(service) = clients.iter().position(|client| client.endpoint == Some(endpoint)) else { continue };
        let client = &mut clients[service];
        if let Some(message) = message {
            client.check(service, &mut bus, message);
        }
        if service == SLOW && client.answers == ROUNDS {
            report(&clients);
        }
        clients[service].asked_at = now();
        let mut bytes = [0; LONGEST];
        let request = request(service, clients[service].answers, &mut bytes);
        if let Err(error) = bus.send(endpoint, request).await {
            log::warn!("{}: {error}", SERVICES[service]);
        }
    }
}

/// Writes request `number` of a service.
fn request(service: usize, number: u32, bytes: &mut [u8; LONGEST]) -> &[u8] {
    let length = match service {
        0 => LONGEST,
        1 => number as usize % (LONGEST + 1),
        2 => 0,
        _ => 4,
    };
    let request = &mut bytes[..length];
    for (place, byte) in request.iter_mut().zip(number.to_le_bytes().into_iter().cycle()) {
        *place = byte;
    }
    request
}

fn report(clients: &[Client]) {
    for (name, client) in SERVICES.iter().zip(clients) {
        log::info!(
            "{name}: {} answers, {} wrong, the longest after {} us",
            client.answers,
            client.wrong,
            client.longest
        );
    }
    let (fast, slow) = clients.split_at(SLOW);
    let right = clients.iter().all(|client| client.wrong == 0);
    let free = fast.iter().all(|client| client.answers > 10 * ROUNDS) && slow.iter().all(|client| client.answers > 0);
    log::info!("{}", if right && free { "none held up another" } else { "FAILED" });
}

/// The state and the figures of one service.
struct Client {
    endpoint: Option<Endpoint>,
    answers: u32,
    wrong: u32,
    /// The longest time from a request to its answer, in microseconds.
    longest: u64,
    asked_at: Instant,
    /// The uptime service's last answer.
    last: u64,
}

impl Client {
    const fn new() -> Self {
        Self { endpoint: None, answers: 0, wrong: 0, longest: 0, asked_at: Instant::from_micros(0), last: 0 }
    }

    /// Starts again, for a new peer.
    fn restart(&mut self) {
        *self = Self { endpoint: self.endpoint, ..Self::new() };
    }

    fn check(&mut self, service: usize, bus: &mut AsyncBus<'_>, message: Message) {
        let mut bytes = [0; LONGEST];
        let answer = bytes.get_mut(..message.length.into());
        let answer = answer.and_then(|answer| bus.link().bus().read(&message, 0, answer).ok().map(|()| answer));
        bus.link().bus().release(message);

        let number = self.answers;
        let right = answer.is_some_and(|answer| match service {
            0 => *answer == number.wrapping_mul(16).to_le_bytes(),
            1 => {
                let mut bytes = [0; LONGEST];
                request(service, number, &mut bytes).iter().eq(answer.iter().rev())
            }
            2 => {
                let before = self.last;
                answer.first_chunk().is_some_and(|&micros| {
                    self.last = u64::from_le_bytes(micros);
                    self.last >= before
                })
            }
            _ => *answer == (number + 1).to_le_bytes(),
        });
        self.longest = self.longest.max(now().micros_since(self.asked_at));
        self.answers += 1;
        self.wrong += u32::from(!right);
    }
}
