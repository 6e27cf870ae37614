//! rpmsg
