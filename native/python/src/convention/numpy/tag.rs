//! What the values of a field stand for, where their Arrow type alone does not say it: the name of an extension type.

use arrow_schema::Field;

/// The extension types that arguments are shown by, and results are taken by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// A list that is an axis of a matrix: all have one length, and none is missing.
    Axis,
    /// A genotype: at most two alleles and their phase in 32 bits.
    Call,
    /// `{contig, position}`.
    Locus,
    /// `{start, end, includes_start, includes_end}`.
    Interval,
    /// `{shape, data}`, the last axis varying fastest.
    NdArray,
    /// A list in which no element comes twice.
    Set,
    /// A list of `{key, value}`.
    Dict,
    /// A struct whose fields are shown apart: in a list, each is a list.
    Struct,
    /// The same, without names.
    Tuple,
}

impl Tag {
    /// That of a field, if it is known.
    pub fn of(field: &Field) -> Option<Tag> {
        Some(match field.extension_type_name()? {
            "beringia.axis" => Tag::Axis,
            "hail.call" => Tag::Call,
            "hail.locus" => Tag::Locus,
            "hail.interval" => Tag::Interval,
            "hail.ndarray" => Tag::NdArray,
            "hail.set" => Tag::Set,
            "hail.dict" => Tag::Dict,
            "hail.struct" => Tag::Struct,
            "hail.tuple" => Tag::Tuple,
            _ => return None,
        })
    }

    /// Whether such values are shown as their parts.
    pub fn has_parts(self) -> bool {
        matches!(self, Tag::Locus | Tag::Interval | Tag::Struct | Tag::Tuple)
    }
}
