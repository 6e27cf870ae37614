//! The host port: a Linux process as a peer.
