//! Protocol buffers as they travel: fields one by one, borrowed from the body, nothing allocated.
//!
//! Written here rather than derived: three messages are read, a dozen fields of each. This way their limits hold while they are read, not
//! after a tree of owned texts was built, and labels of series that nobody maps are never copied.

/// Why bytes are not the message they should be. Positions are not known, since messages nest without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A field is longer than what is left.
    #[error("a field is cut off")]
    CutOff,
    /// More than ten bytes, or more than 64 bits.
    #[error("a number is longer than 64 bits")]
    LongNumber,
    /// Zero, or beyond 2^29.
    #[error("a field has the number {0}, which there is not")]
    FieldNumber(u64),
    /// Groups, or a type that was never given out.
    #[error("a field has the wire type {0}, which is not used")]
    WireType(u8),
    /// A field that is known has another type than it should.
    #[error("field {field} of {message} has the wrong wire type")]
    WrongType {
        /// Which message.
        message: &'static str,
        /// Which field of it.
        field: u32,
    },
    /// A text is no text.
    #[error("a text is not UTF-8")]
    Text,
    /// A list of numbers of fixed width has a length that is no multiple of it.
    #[error("a list of numbers ends within a number")]
    Uneven,
}

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Whole numbers and truths.
    Varint(u64),
    /// Eight bytes, the least first.
    Fixed64(u64),
    /// Texts, bytes, messages, packed lists.
    Bytes(&'a [u8]),
    /// Four bytes, the least first.
    Fixed32(u32),
}

/// A field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its number.
    pub number: u32,
    /// Its value.
    pub value: Value<'a>,
    message: &'static str,
}

/// The fields of a message, in the order of the bytes. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
    message: &'static str,
}

/// The fields of `bytes`, which should be `message`.
pub const fn fields<'a>(message: &'static str, bytes: &'a [u8]) -> Fields<'a> {
    Fields { rest: bytes, message }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<Field<'a>, WireError> {
        let key = varint(&mut self.rest)?;
        let number = u32::try_from(key >> 3)
            .ok()
            .filter(|n| (1..1 << 29).contains(n))
            .ok_or(WireError::FieldNumber(key >> 3))?;
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut self.rest)?),
            1 => Value::Fixed64(u64::from_le_bytes(*self.take_array()?)),
            2 => {
                let length = varint(&mut self.rest)?;
                Value::Bytes(self.take(usize::try_from(length).map_err(|_| WireError::CutOff)?)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(*self.take_array()?)),
            other => return Err(WireError::WireType(u8::try_from(other).unwrap_or(u8::MAX))),
        };
        Ok(Field { number, value, message: self.message })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(WireError::CutOff)?;
        self.rest = rest;
        Ok(taken)
    }

    fn take_array<const N: usize>(&mut self) -> Result<&'a [u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(WireError::CutOff)?;
        self.rest = rest;
        Ok(taken)
    }
}

/// A number of seven bits a byte, the least first, off the front of `rest`.
fn varint(rest: &mut &[u8]) -> Result<u64, WireError> {
    let mut number = 0_u64;
    for (at, byte) in rest.iter().enumerate() {
        let bits = u64::from(byte & 0x7f);
        if at == 9 && bits > 1 {
            return Err(WireError::LongNumber);
        }
        number |= bits << (7 * at);
        if byte & 0x80 == 0 {
            *rest = &rest[at + 1..];
            return Ok(number);
        }
        if at == 9 {
            return Err(WireError::LongNumber);
        }
    }
    Err(WireError::CutOff)
}

impl<'a> Field<'a> {
    const fn wrong(&self) -> WireError {
        WireError::WrongType { message: self.message, field: self.number }
    }

    /// Bytes, or a message's.
    pub const fn bytes(&self) -> Result<&'a [u8], WireError> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(self.wrong()),
        }
    }

    /// A text.
    pub fn text(&self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| WireError::Text)
    }

    /// `uint32`, `uint64`, `bool`, an enumeration.
    pub const fn unsigned(&self) -> Result<u64, WireError> {
        match self.value {
            Value::Varint(number) => Ok(number),
            _ => Err(self.wrong()),
        }
    }

    /// `int64`.
    pub const fn signed(&self) -> Result<i64, WireError> {
        match self.value {
            Value::Varint(number) => Ok(number.cast_signed()),
            _ => Err(self.wrong()),
        }
    }

    /// `fixed64`.
    pub const fn fixed64(&self) -> Result<u64, WireError> {
        match self.value {
            Value::Fixed64(number) => Ok(number),
            _ => Err(self.wrong()),
        }
    }

    /// `double`.
    pub const fn double(&self) -> Result<f64, WireError> {
        match self.value {
            Value::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(self.wrong()),
        }
    }

    /// Appends a list of small numbers: packed, or one of its numbers alone. `most` of them are kept; says whether there were no more.
    pub fn push_varints(&self, into: &mut Vec<u64>, most: usize) -> Result<bool, WireError> {
        match self.value {
            Value::Varint(number) if into.len() < most => into.push(number),
            Value::Varint(_) => return Ok(false),
            Value::Bytes(mut rest) => {
                while !rest.is_empty() {
                    if into.len() == most {
                        return Ok(false);
                    }
                    into.push(varint(&mut rest)?);
                }
            }
            _ => return Err(self.wrong()),
        }
        Ok(true)
    }

    /// Appends a list of numbers of eight bytes, as [`Field::push_varints`] does.
    pub fn push_fixed64s(&self, into: &mut Vec<u64>, most: usize) -> Result<bool, WireError> {
        match self.value {
            Value::Fixed64(number) if into.len() < most => into.push(number),
            Value::Fixed64(_) => return Ok(false),
            Value::Bytes(bytes) => {
                let (numbers, rest) = bytes.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(WireError::Uneven);
                }
                let room = most - into.len().min(most);
                into.extend(numbers.iter().take(room).map(|b| u64::from_le_bytes(*b)));
                return Ok(numbers.len() <= room);
            }
            _ => return Err(self.wrong()),
        }
        Ok(true)
    }
}

/// Appends a field of the wire, for answers.
pub fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a whole number as a field, for answers.
pub fn put_number(out: &mut Vec<u8>, number: u32, value: u64) {
    put_varint(out, u64::from(number) << 3);
    put_varint(out, value);
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(u32, Value<'_>)>, WireError> {
        fields("a test", bytes).map(|f| f.map(|f| (f.number, f.value))).collect()
    }

    #[test]
    fn each_type_is_read() {
        let bytes = [
            0x08, 0x96, 0x01, // 1: 150
            0x11, 1, 0, 0, 0, 0, 0, 0, 0x80, // 2: eight bytes
            0x1a, 2, b'h', b'i', // 3: two bytes
            0x25, 7, 0, 0, 0, // 4: four bytes
        ];
        let expected = vec![
            (1, Value::Varint(150)),
            (2, Value::Fixed64(1 | 1 << 63)),
            (3, Value::Bytes(b"hi")),
            (4, Value::Fixed32(7)),
        ];
        assert_eq!(read(&bytes).unwrap(), expected);
        for cut in 1..bytes.len() {
            // Cut between two fields it is a shorter message; anywhere else it is an error.
            assert_eq!(read(&bytes[..cut]).is_ok(), [3, 12, 16].contains(&cut), "{cut}");
        }
    }

    #[test]
    fn numbers_end_at_64_bits() {
        let most = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(read(&most).unwrap(), vec![(1, Value::Varint(u64::MAX))]);
        let more = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(read(&more), Err(WireError::LongNumber));
        let longer = [0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
        assert_eq!(read(&longer), Err(WireError::LongNumber));
    }

    #[test]
    fn what_is_no_field_is_refused() {
        assert_eq!(read(&[0x00, 0x00]), Err(WireError::FieldNumber(0)));
        assert_eq!(read(&[0x0b]), Err(WireError::WireType(3)));
        assert_eq!(read(&[0x0f]), Err(WireError::WireType(7)));
        assert_eq!(read(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), Err(WireError::CutOff));
    }

    #[test]
    fn lists_are_read_packed_and_one_by_one_up_to_their_limit() {
        let mut numbers = Vec::new();
        let all = [0x0a, 3, 1, 0x80, 0x01, 0x08, 5];
        for field in fields("a test", &all) {
            assert!(field.unwrap().push_varints(&mut numbers, 3).unwrap());
        }
        assert_eq!(numbers, [1, 128, 5]);
        numbers.clear();
        let fits: Vec<bool> =
            fields("a test", &all).map(|f| f.unwrap().push_varints(&mut numbers, 1).unwrap()).collect();
        assert_eq!((fits, numbers.as_slice()), (vec![false, false], [1].as_slice()));
        numbers.clear();
        let mut eight = vec![0x0a, 16];
        eight.extend(7_u64.to_le_bytes());
        eight.extend(9_u64.to_le_bytes());
        for field in fields("a test", &eight) {
            assert!(field.unwrap().push_fixed64s(&mut numbers, 2).unwrap());
            assert!(!field.unwrap().push_fixed64s(&mut Vec::new(), 1).unwrap());
        }
        assert_eq!(numbers, [7, 9]);
        let uneven = [0x0a, 1, 0];
        assert_eq!(
            fields("a test", &uneven).next().unwrap().unwrap().push_fixed64s(&mut numbers, 9),
            Err(WireError::Uneven)
        );
    }
}
