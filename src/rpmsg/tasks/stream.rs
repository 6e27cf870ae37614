// SPDX-License-Identifier: Apache-2.0
//! An endpoint as a byte stream, for code that uses `embedded-io` or `embedded-io-async`.

use core::time::Duration;

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

use super::blocking::TimedOut;
use super::endpoint::{AsyncEndpoint, Received};
use crate::platform::Port;
use crate::rpmsg::{AnyLink, ReadError, SendError};

/// Errors of a byte stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The link has gone down, and bytes may be lost. This error is returned once. The stream then continues with the
    /// peer's next incarnation.
    #[error(
        "the link has gone down, and bytes in flight may be lost; read again to go on with the peer's next \
         incarnation"
    )]
    Down,
    /// The time limit of a blocking read or write has expired.
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
    /// Sending failed.
    #[error(transparent)]
    Send(#[from] SendError),
    /// Reading the message failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl embedded_io_async::Error for StreamError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::TimedOut(TimedOut) => ErrorKind::TimedOut,
            Self::Down | Self::Send(SendError::Down) | Self::Read(ReadError::Stale) => ErrorKind::ConnectionReset,
            Self::Send(SendError::NoDestination) => ErrorKind::NotConnected,
            Self::Send(_) | Self::Read(_) => ErrorKind::Other,
        }
    }
}

/// The receiving half of a byte stream over an endpoint. Message boundaries are not preserved.
#[derive(Debug)]
pub struct AsyncByteReader<'e, 'a, L: AnyLink> {
    endpoint: &'e AsyncEndpoint<'a, L>,
    /// A partly read message, and the number of bytes already read from it.
    begun: Option<(Received<'a, L>, u16)>,
}

/// The sending half of a byte stream over an endpoint. Each write sends one message of at most
/// [`max_message`](AsyncEndpoint::max_message) bytes.
#[derive(Debug)]
pub struct AsyncByteWriter<'e, 'a, L: AnyLink> {
    endpoint: &'e AsyncEndpoint<'a, L>,
}

/// Both halves of a byte stream over an endpoint.
#[derive(Debug)]
pub struct AsyncByteStream<'e, 'a, L: AnyLink> {
    reader: AsyncByteReader<'e, 'a, L>,
    writer: AsyncByteWriter<'e, 'a, L>,
}

impl<'a, L: AnyLink> AsyncEndpoint<'a, L> {
    /// Returns a byte stream over this endpoint. Use [`split`](AsyncByteStream::split) to pass its halves to two tasks.
    pub const fn stream(&self) -> AsyncByteStream<'_, 'a, L> {
        AsyncByteStream {
            reader: AsyncByteReader { endpoint: self, begun: None },
            writer: AsyncByteWriter { endpoint: self },
        }
    }
}

impl<'e, 'a, L: AnyLink> AsyncByteStream<'e, 'a, L> {
    /// Returns the two halves.
    #[must_use]
    pub fn split(self) -> (AsyncByteReader<'e, 'a, L>, AsyncByteWriter<'e, 'a, L>) {
        (self.reader, self.writer)
    }
}

impl<L: AnyLink> ErrorType for AsyncByteReader<'_, '_, L> {
    type Error = StreamError;
}

impl<L: AnyLink> ErrorType for AsyncByteWriter<'_, '_, L> {
    type Error = StreamError;
}

impl<L: AnyLink> ErrorType for AsyncByteStream<'_, '_, L> {
    type Error = StreamError;
}

impl<L: AnyLink> Read for AsyncByteReader<'_, '_, L> {
    /// Waits for bytes. If the link goes down, returns an error once, because bytes may be lost. The stream then
    /// continues with the peer's next incarnation.
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, StreamError> {
        if to.is_empty() {
            return Ok(0);
        }
        let (message, read) = loop {
            match self.begun.take() {
                Some((message, read)) if read < message.len() => break (message, read),
                _ => self.begun = Some((self.endpoint.recv_or_down().await.ok_or(StreamError::Down)?, 0)),
            }
        };
        let left = message.len().saturating_sub(read);
        let count = u16::try_from(to.len()).unwrap_or(u16::MAX).min(left);
        message.read(read, to.get_mut(..count.into()).unwrap_or_default())?;
        if count < left {
            self.begun = Some((message, read.saturating_add(count)));
        }
        Ok(count.into())
    }
}

impl<L: AnyLink> Write for AsyncByteWriter<'_, '_, L> {
    /// Waits until the endpoint is bound and a buffer is free. Sends at most one message, and returns the number of
    /// bytes sent.
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, StreamError> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.endpoint.peer().await;
        let count = bytes.len().min(self.endpoint.max_message() as usize);
        self.endpoint.send(bytes.get(..count).unwrap_or_default()).await?;
        Ok(count)
    }

    /// Has no effect, because each write sends its message immediately.
    async fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }
}

impl<L: AnyLink> Read for AsyncByteStream<'_, '_, L> {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, StreamError> {
        self.reader.read(to).await
    }
}

impl<L: AnyLink> Write for AsyncByteStream<'_, '_, L> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, StreamError> {
        self.writer.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), StreamError> {
        self.writer.flush().await
    }
}

/// A blocking byte stream over an endpoint, with a time limit for each read and write.
#[derive(Debug)]
pub struct BlockingStream<'e, 'a, L: AnyLink, P: Port> {
    stream: AsyncByteStream<'e, 'a, L>,
    port: &'e mut P,
    limit: Duration,
}

impl<'e, 'a, L: AnyLink> AsyncByteStream<'e, 'a, L> {
    /// Returns a blocking stream, which drives the link while it waits through `port`.
    pub const fn blocking<P: Port>(self, port: &'e mut P, limit: Duration) -> BlockingStream<'e, 'a, L, P> {
        BlockingStream { stream: self, port, limit }
    }
}

impl<L: AnyLink, P: Port> ErrorType for BlockingStream<'_, '_, L, P> {
    type Error = StreamError;
}

impl<L: AnyLink, P: Port> embedded_io::Read for BlockingStream<'_, '_, L, P> {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, StreamError> {
        let Self { stream, port, limit } = self;
        stream.writer.endpoint.shared().block_on(*port, *limit, stream.reader.read(to))?
    }
}

impl<L: AnyLink, P: Port> embedded_io::Write for BlockingStream<'_, '_, L, P> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, StreamError> {
        let Self { stream, port, limit } = self;
        stream.reader.endpoint.shared().block_on(*port, *limit, stream.writer.write(bytes))?
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }
}
