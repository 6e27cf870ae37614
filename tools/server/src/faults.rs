// SPDX-License-Identifier: Apache-2.0
//! The faults that a server can inject on request.

use std::fmt;
use std::str::FromStr;

use crate::random::Random;

/// The faults to inject, with their rates and delays. Default: no faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// One in `lose` doorbells is lost. 0 means none.
    pub lose: u64,
    /// One in `double` doorbells arrives twice. 0 means none.
    pub double: u64,
    /// Maximum delay of a doorbell in milliseconds.
    pub late: u64,
    /// Maximum delay of a client's greeting in milliseconds.
    pub join: u64,
    /// Average time between forced disconnections, in milliseconds. 0 means none.
    pub drop: u64,
    /// Id of the peer that does not get any messages after its greeting.
    pub stall: Option<u16>,
    /// Seed for all random choices.
    pub seed: u64,
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut faults = Self { seed: 1, ..Self::default() };
        for part in text.split(',') {
            let wrong = || {
                format!("'{part}' is no fault: they are lose=N, double=N, late=MS, join=MS, drop=MS, stall=ID, seed=S")
            };
            let (name, value) = part.split_once('=').ok_or_else(wrong)?;
            let number: u64 = value.parse().map_err(|_| wrong())?;
            match name {
                "lose" => faults.lose = number,
                "double" => faults.double = number,
                "late" => faults.late = number,
                "join" => faults.join = number,
                "drop" => faults.drop = number,
                "stall" => faults.stall = Some(u16::try_from(number).map_err(|_| wrong())?),
                "seed" => faults.seed = number,
                _ => return Err(wrong()),
            }
        }
        Ok(faults)
    }
}

impl Faults {
    /// Returns the relay's random number generator. The server uses a separate generator, because the number of values
    /// that it draws depends on the clients' timing.
    pub(crate) fn relays(&self) -> Random {
        Random::new(self.seed ^ 0xbe11)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lose, double, late, join, drop, stall, seed } = self;
        write!(f, "lose={lose},double={double},late={late},join={join},drop={drop},")?;
        stall.map_or(Ok(()), |id| write!(f, "stall={id},"))?;
        write!(f, "seed={seed}")
    }
}
