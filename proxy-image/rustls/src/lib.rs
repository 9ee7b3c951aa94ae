//! Nothing of our own: the C interface of `rustls-ffi`, exported from a library that the proxy can open.
pub use rustls_ffi::*;
