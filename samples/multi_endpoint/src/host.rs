// SPDX-License-Identifier: Apache-2.0
//! The host. It sends requests to all services concurrently, from one task per service, and checks the answers.

use core::cell::RefCell;

use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::Role;
use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::tasks::Arrival;
use amp_ivshmem_zephyr_rust::{Ivshmem, Link, Runner, Shared, now, settings};
use embassy_executor::Spawner;
use static_cell::StaticCell;
use zephyr::embassy::Executor;

use crate::services::{LONGEST, SERVICES, SLOW};

/// Number of answers from the slow service after which the results are printed.
const ROUNDS: u32 = 10;

static EXECUTOR: StaticCell<Executor> = StaticCell::new();
static ARRIVAL: Arrival = Arrival::new();
static HOST: StaticCell<Host> = StaticCell::new();

/// The link and the results, shared by all tasks.
struct Host {
    link: Shared,
    clients: RefCell<[Client; SERVICES.len()]>,
}

/// Runs the executor forever.
pub fn run(device: Ivshmem) {
    let clients = RefCell::new([const { Client::new() }; SERVICES.len()]);
    let host: &'static Host = HOST.init_with(|| Host { link: Shared::new(Link::unopened()), clients });
    EXECUTOR.init(Executor::new()).run(|spawner: Spawner| {
        let asking = (0..SERVICES.len()).try_for_each(|service| spawner.spawn(ask(host, service)));
        if let Err(error) = asking.and_then(|()| spawner.spawn(drive(host, device))) {
            log::error!("no place for a task: {error:?}; raise embassy-executor's task-arena-size");
        }
    });
}

/// Drives the link.
#[embassy_executor::task]
async fn drive(host: &'static Host, device: Ivshmem) {
    match Runner::new(&host.link, device, &settings(Role::Host), &ARRIVAL) {
        Ok(mut runner) => runner.run().await,
        Err(error) => log::error!("{error}"),
    }
}

/// Sends requests to one service, one at a time. Does not delay the other tasks.
#[embassy_executor::task(pool_size = SERVICES.len())]
async fn ask(host: &'static Host, service: usize) {
    let endpoint = match host.link.open(SERVICES[service]) {
        Ok(endpoint) => endpoint,
        Err(error) => return log::error!("{}: {error}", SERVICES[service]),
    };
    loop {
        endpoint.bound().await;
        host.clients.borrow_mut()[service] = Client::new();
        // Repeat until the peer has gone.
        loop {
            let (number, asked_at) = (host.clients.borrow()[service].answers, now());
            let mut bytes = [0; LONGEST];
            if let Err(error) = endpoint.send(request(service, number, &mut bytes)).await {
                log::warn!("{}: {error}", SERVICES[service]);
                break;
            }
            let Some(answer) = endpoint.recv_or_down().await else { break };
            let length = answer.len().into();
            let right = bytes.get_mut(..length).is_some_and(|to| answer.read(0, to).is_ok());
            drop(answer);
            let mut clients = host.clients.borrow_mut();
            let client = &mut clients[service];
            client.check(service, right.then(|| &bytes[..length]));
            client.longest = client.longest.max(now().micros_since(asked_at));
            if service == SLOW && client.answers == ROUNDS {
                report(&*clients);
            }
        }
    }
}

/// Builds request `number` for a service.
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

/// Results for one service.
struct Client {
    answers: u32,
    wrong: u32,
    /// Maximum time from a request to its answer, in microseconds.
    longest: u64,
    /// The last answer of the uptime service.
    last: u64,
}

impl Client {
    const fn new() -> Self {
        Self { answers: 0, wrong: 0, longest: 0, last: 0 }
    }

    /// Checks an answer and counts it. `answer` is `None` if the answer was too long.
    fn check(&mut self, service: usize, answer: Option<&[u8]>) {
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
        self.answers += 1;
        self.wrong += u32::from(!right);
    }
}
