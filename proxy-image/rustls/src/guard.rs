//! The border: no panic passes it, and null is told from memory.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `work` returns, or `failure` when it panics. What it worked on is not used again: see `Session::failed`.
pub fn guarded<T>(failure: T, work: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(failure)
}

/// The caller's memory, to read.
///
/// # Safety
/// `at` is null, or points to `length` initialised bytes that nobody writes while the result lives.
pub unsafe fn bytes<'a>(at: *const u8, length: usize) -> Option<&'a [u8]> {
    if at.is_null() {
        return None;
    }
    // SAFETY: as this function demands.
    Some(unsafe { std::slice::from_raw_parts(at, length) })
}

/// The caller's memory, to write.
///
/// # Safety
/// `at` is null, or points to `length` initialised bytes that nobody else uses while the result lives.
pub unsafe fn bytes_mut<'a>(at: *mut u8, length: usize) -> Option<&'a mut [u8]> {
    if at.is_null() {
        return None;
    }
    // SAFETY: as this function demands.
    Some(unsafe { std::slice::from_raw_parts_mut(at, length) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_and_goes_no_further() {
        assert_eq!(guarded(-1, || 7), 7);
        assert_eq!(guarded(-1, || panic!("within")), -1);
    }

    #[test]
    fn null_is_no_memory() {
        // SAFETY: null is allowed.
        assert!(unsafe { bytes(std::ptr::null(), 8) }.is_none());
        // SAFETY: null is allowed.
        assert!(unsafe { bytes_mut(std::ptr::null_mut(), 8) }.is_none());
    }
}
