//! How much the calls may take that running functions submit and that are not over: they wait in memory of the parent.

use crate::error::{Error, ErrorCode, Result};
use crate::worker::Data;

/// The most bytes.
const MOST: usize = 256 << 20;
/// Bytes that a call takes beside its body.
const CALL: usize = 1 << 10;

/// What is taken.
#[derive(Default)]
pub(crate) struct Allowance(usize);

impl Allowance {
    /// What a call takes.
    pub fn size(call: &Data) -> usize {
        call.body.len() + CALL
    }

    /// Takes as many bytes.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when there are not as many.
    pub fn take(&mut self, bytes: usize) -> Result<()> {
        if self.0 + bytes > MOST {
            let why = format!(
                "calls that were submitted by calls, and are not over, would take more than {MOST} bytes. Wait for \
                 some before others are submitted, or let each do more"
            );
            return Err(Error::new(ErrorCode::Resource, why));
        }
        self.0 += bytes;
        Ok(())
    }

    /// Gives them back.
    pub fn give_back(&mut self, bytes: usize) {
        self.0 = self.0.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_bounded_by_their_bytes_and_their_number() {
        let mut allowance = Allowance::default();
        let call = Allowance::size(&Data::new(vec![0; 10], Vec::new(), Vec::new()));
        let most = MOST / call;
        for _ in 0..most {
            allowance.take(call).unwrap();
        }
        assert_eq!(allowance.take(call).unwrap_err().code, ErrorCode::Resource);
        allowance.give_back(call);
        allowance.take(call).unwrap();
    }
}
