//! The README and the pages of `docs/`: what they show is what the program prints, what they link to is there, and the parts that
//! are generated are up to date.

mod generated;
mod links;
mod shown;

use std::fs;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A page, by its path from the root of the repository.
struct Page {
    path: String,
    text: String,
}

impl Page {
    fn read(path: &str) -> Self {
        let text = fs::read_to_string(Path::new(ROOT).join(path));
        Self {
            path: path.to_owned(),
            text: text.unwrap_or_else(|error| panic!("failed to read {path}: {error}")),
        }
    }

    /// The fenced blocks of code, without the indentation of a list.
    fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        let mut before = "";
        for line in self.text.lines() {
            let fence = line.trim_start().strip_prefix("```");
            match (open.take(), fence) {
                (None, Some(language)) => {
                    let indent = line.len() - line.trim_start().len();
                    let file = named_file(before).map(str::to_owned);
                    open = Some(Block { language: language.to_owned(), file, indent, text: String::new() });
                }
                (Some(block), Some(_)) => blocks.push(block),
                (Some(mut block), None) => {
                    block.text += line.get(block.indent..).unwrap_or("");
                    block.text.push('\n');
                    open = Some(block);
                }
                (None, None) if !line.trim().is_empty() => before = line,
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block of code has no end", self.path);
        blocks
    }

    /// The lines outside of blocks of code, each with its number.
    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut is_code = false;
        (1..).zip(self.text.lines()).filter(move |(_, line)| {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            !is_code && !is_fence
        })
    }
}

/// A block of code.
struct Block {
    language: String,
    /// The file that the block shows, if the line before the block ends with its name and a colon.
    file: Option<String>,
    indent: usize,
    text: String,
}

fn named_file(line: &str) -> Option<&str> {
    let (_, name) = line.strip_suffix("`:")?.rsplit_once('`')?;
    Some(name)
}

/// The pages of the book, in the order of their names.
fn book() -> Vec<Page> {
    let entries = fs::read_dir(Path::new(ROOT).join("docs")).expect("the book is there");
    let names =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"));
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".md")).collect();
    names.sort();
    names.iter().map(|name| Page::read(&format!("docs/{name}"))).collect()
}

/// Every page that people read, beside the READMEs of folders.
fn pages() -> Vec<Page> {
    std::iter::once(Page::read("README.md")).chain(book()).collect()
}
