//! The files that the text of a scenario was written in: its own, and those of the fragments in it.

use std::ops::Range;
use std::sync::Arc;

/// A file with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// The file's name as the user gave it; for a text in memory the name that was given with it.
    pub name: String,
    pub text: Arc<str>,
}

/// The files of a text, the scenario's own first, and which of its bytes were written where.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    files: Vec<Source>,
    /// In the order of the text. Before a piece of a fragment there is one of the scenario's own file, maybe an empty one.
    pieces: Vec<Piece>,
}

/// Bytes that were written one after the other.
#[derive(Debug, Clone)]
struct Piece {
    /// The first byte in the whole text.
    start: usize,
    /// The same byte in its file.
    at: usize,
    file: usize,
}

/// The scenario's own file.
const OWN: usize = 0;

impl Sources {
    /// A text that was written in one file.
    pub fn one(name: &str, text: &str) -> Self {
        let own = Source { name: name.to_owned(), text: Arc::from(text) };
        Self { files: vec![own], pieces: vec![Piece { start: 0, at: 0, file: OWN }] }
    }

    /// Another file; its number.
    pub fn add(&mut self, name: String, text: &str) -> usize {
        self.files.push(Source { name, text: Arc::from(text) });
        self.files.len() - 1
    }

    /// From its byte `start` the whole text goes on with this byte of the scenario's own file.
    pub fn own_from(&mut self, start: usize, at: usize) {
        self.pieces.push(Piece { start, at, file: OWN });
    }

    /// From its byte `start` the whole text goes on with this byte of another file.
    pub fn other_from(&mut self, start: usize, file: usize, at: usize) {
        self.pieces.push(Piece { start, at, file });
    }

    pub fn files(&self) -> &[Source] {
        &self.files
    }

    /// The file of these bytes of the whole text, and the bytes in it.
    pub fn place(&self, span: &Range<usize>) -> (usize, Range<usize>) {
        let piece = &self.pieces[self.piece(span.start)];
        let start = piece.at + (span.start - piece.start);
        let end = (start + span.len()).min(self.files[piece.file].text.len());
        (piece.file, start..end)
    }

    /// The line, from 1, of the scenario's own file; what a fragment holds is where the fragment is used.
    pub fn own_line(&self, at: usize) -> usize {
        1 + self.files[OWN].text[..self.own(at)].matches('\n').count()
    }

    fn own(&self, at: usize) -> usize {
        let number = self.piece(at);
        let piece = &self.pieces[number];
        if piece.file == OWN {
            return piece.at + (at - piece.start);
        }
        let before = &self.pieces[number - 1];
        before.at + (piece.start - before.start)
    }

    /// The number of the piece that this byte of the whole text is in.
    fn piece(&self, at: usize) -> usize {
        self.pieces.partition_point(|piece| piece.start <= at).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_found_where_it_was_written() {
        // `ab<xy>` with `12` from `[12]` for `<xy>`, and then `c`.
        let mut sources = Sources::one("own", "ab<xy>c");
        let other = sources.add("other".to_owned(), "[12]");
        sources.other_from(2, other, 1);
        sources.own_from(4, 6);
        let places = [(0..2, (OWN, 0..2)), (2..3, (other, 1..2)), (3..4, (other, 2..3)), (4..5, (OWN, 6..7))];
        for (whole, place) in places {
            assert_eq!(sources.place(&whole), place);
        }
        assert_eq!([0, 1, 2, 3, 4].map(|at| sources.own(at)), [0, 1, 2, 2, 6]);
    }
}
