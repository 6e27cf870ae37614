//! An `Option` whose `None` is all zeros, so that a bus which is not open yet lies in memory that start-up clears, and not
//! as a copy in flash. `Option` itself would have it in whichever byte has room.

/// Something, or nothing.
#[derive(Debug)]
#[repr(u8)]
pub enum Present<T> {
    /// As `None`.
    Absent = 0,
    /// As `Some`.
    Here(T) = 1,
}

impl<T> Present<T> {
    pub const fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Absent => None,
            Self::Here(value) => Some(value),
        }
    }

    pub const fn as_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Absent => None,
            Self::Here(value) => Some(value),
        }
    }

    pub const fn is_here(&self) -> bool {
        matches!(self, Self::Here(_))
    }
}
