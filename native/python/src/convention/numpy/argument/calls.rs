//! Genotypes: the alleles of each call, along an axis of two.

use crate::convention::numpy::options::Missing;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, PrimitiveArray};
use arrow_data::ArrayData;
use beringia_core::ErrorCode;
use pyo3::prelude::*;

use super::values::{Kind, admit, missing_item};
use super::{Elements, Showing, missing_in};
use crate::convention::numpy::array::Dtype;
use crate::failure::{Failure, Result};

struct Calls {
    packed: PrimitiveArray<Int32Type>,
    narrow: Dtype,
    wide: Dtype,
}

/// Calls, packed in 32 bits each.
pub(super) fn calls(py: Python<'_>, data: &ArrayData) -> Result<Box<dyn Elements>> {
    let array = arrow_array::make_array(data.clone());
    let packed = array.as_primitive_opt::<Int32Type>().cloned();
    let packed =
        packed.ok_or_else(|| Failure::new(ErrorCode::Argument, "calls that are no 32-bit integers"))?;
    Ok(Box::new(Calls { packed, narrow: Dtype::new(py, "i1")?, wide: Dtype::new(py, "i4")? }))
}

/// The alleles of a call: -1 where it has none, in the second place first.
///
/// The bits are those of the phase (one), the ploidy (two), and a number. That of a diploid call is the number of
/// the pair (j, k), j ≤ k, in the order 00, 01, 11, 02, …; where it is phased, k is the sum of the alleles.
fn alleles(packed: i32) -> [i32; 2] {
    let packed = packed as u32;
    let (phased, ploidy, number) = (packed & 1 == 1, (packed >> 1) & 3, i64::from(packed >> 3));
    match ploidy {
        2 => {
            let k = (((8.0 * number as f64 + 1.0).sqrt() - 1.0) / 2.0) as i64;
            let j = number - k * (k + 1) / 2;
            [j as i32, if phased { k - j } else { k } as i32]
        }
        1 => [number as i32, -1],
        _ => [-1, -1],
    }
}

impl Elements for Calls {
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        if self.packed.is_null(index) {
            return missing_item(showing, Kind::Integer, &self.narrow);
        }
        let pair = self.range(showing, index, index + 1)?;
        Ok(pair.get_item(0)?)
    }

    /// Of type int8, or int32 where an allele needs it.
    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>> {
        let nulls = missing_in(self.packed.nulls(), start, end - start);
        if nulls.is_some() {
            admit(showing, Kind::Integer)?;
        }
        let found: Vec<i32> =
            self.packed.values()[start..end].iter().flat_map(|call| alleles(*call)).collect();
        let narrow = found.iter().all(|allele| *allele <= i32::from(i8::MAX));
        let dtype = if narrow { &self.narrow } else { &self.wide };
        showing.count(found.len() * dtype.width);
        let values = showing.filled(dtype, &[end - start, 2], |bytes| {
            for (item, allele) in bytes.chunks_exact_mut(dtype.width).zip(&found) {
                item.copy_from_slice(&allele.to_le_bytes()[..dtype.width]);
            }
        })?;
        if showing.missing != Some(Missing::Mask) {
            return Ok(values);
        }
        // NumPy gives the mask the shape of the values.
        let both = nulls.map(|nulls| nulls.expand(2));
        showing.masked(values, both.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::alleles;

    #[test]
    fn alleles_are_those_that_were_packed() {
        assert_eq!(alleles(0), [-1, -1]);
        assert_eq!(alleles(3 << 3 | 1 << 1), [3, -1]);
        assert_eq!(alleles(1 << 3 | 2 << 1), [0, 1]);
        assert_eq!(alleles(32 << 3 | 2 << 1), [4, 7]);
        // 2|1: the sum is 3.
        assert_eq!(alleles(8 << 3 | 2 << 1 | 1), [2, 1]);
        assert_eq!(alleles((((1 << 29) - 1) << 3) | 2 << 1), [32_766, 32_767]);
    }
}
