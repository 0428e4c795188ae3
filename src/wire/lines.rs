//! Lines out of bytes as they come: whole lines, lines that are too long, and the rest without an end. Keeps no more
//! than one line and one read.

/// The longest line that is taken in, in bytes. What is longer is dropped while it comes.
pub const LONGEST: usize = 16 * 1024 * 1024;

/// What the bytes so far begin with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line, without its end.
    Whole(Vec<u8>),
    /// A line of so many bytes, which were dropped.
    TooLong(usize),
}

/// The bytes that were read and not taken yet.
#[derive(Debug)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    /// Where the next line begins.
    taken: usize,
    /// How far the next line has been looked through.
    looked: usize,
    /// How many bytes of a line that is too long were dropped.
    dropped: usize,
    longest: usize,
}

impl Lines {
    pub(crate) fn new(longest: usize) -> Self {
        Self { bytes: Vec::new(), taken: 0, looked: 0, dropped: 0, longest }
    }

    /// Takes in what was read.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.looked -= self.taken;
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next line; none if its end has not come yet.
    pub(crate) fn next(&mut self) -> Option<Line> {
        match self.bytes[self.looked..].iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                let end = self.looked + end;
                let line = &self.bytes[self.taken..end];
                let dropped = std::mem::take(&mut self.dropped);
                let line = match dropped + line.len() {
                    length if length > self.longest => Line::TooLong(length),
                    _ => Line::Whole(line.to_vec()),
                };
                self.taken = end + 1;
                self.looked = self.taken;
                Some(line)
            }
            None => {
                self.looked = self.bytes.len();
                if self.bytes.len() - self.taken > self.longest {
                    self.dropped += self.bytes.len() - self.taken;
                    self.bytes.clear();
                    self.taken = 0;
                    self.looked = 0;
                }
                None
            }
        }
    }

    /// What came behind the last line's end.
    pub(crate) fn rest(&mut self) -> Option<Line> {
        let rest = self.bytes.split_off(self.taken);
        match (std::mem::take(&mut self.dropped), rest.len()) {
            (0, 0) => None,
            (0, _) => Some(Line::Whole(rest)),
            (dropped, more) => Some(Line::TooLong(dropped + more)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Option<Line> {
        Some(Line::Whole(text.as_bytes().to_vec()))
    }

    #[test]
    fn lines_do_not_depend_on_where_reads_end() {
        let text = b"ab\n\ncde\r\nf";
        for cut in 0..=text.len() {
            let mut lines = Lines::new(10);
            let mut found = Vec::new();
            for part in [&text[..cut], &text[cut..]] {
                lines.push(part);
                found.extend(std::iter::from_fn(|| lines.next()));
            }
            assert_eq!(
                found.into_iter().map(Some).collect::<Vec<_>>(),
                [whole("ab"), whole(""), whole("cde\r")]
            );
            assert_eq!(lines.rest(), whole("f"), "cut at {cut}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_dropped_while_it_comes() {
        let mut lines = Lines::new(4);
        for _ in 0..1_000 {
            lines.push(b"abc");
            assert_eq!(lines.next(), None);
            assert!(lines.bytes.len() < 10);
        }
        lines.push(b"\nok\nabcd\nabcde\n");
        let found: Vec<_> = std::iter::from_fn(|| lines.next()).collect();
        let ok = |text: &str| Line::Whole(text.as_bytes().to_vec());
        assert_eq!(found, [Line::TooLong(3_000), ok("ok"), ok("abcd"), Line::TooLong(5)]);
        lines.push(b"abcdef");
        assert_eq!(lines.next(), None);
        assert_eq!(lines.rest(), Some(Line::TooLong(6)));
        assert_eq!(lines.rest(), None);
    }
}
